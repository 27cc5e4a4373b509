import { describe, expect, it } from '@jest/globals';
import { gateSelects } from '../aim/gate.js';
import { prepareBasis } from '../aim/transform.js';
import { fgsm, input, trustedRows } from '../fixtures/analytic-model.js';
import { normal, seeded } from '../randomness.js';
import { sliceRows } from './conditions.js';
import { fitSplit } from './fit-split.js';
import { calibrateGate, coefficientsOf } from './gate-calibration.js';
import { logisticRegression } from './logistic-regression.js';

describe('logistic regression', () => {
  const uniform = seeded(3);
  const rows = Array.from({ length: 200 }, () => [normal(uniform), normal(uniform)]);
  const positive = rows.map(([a, b]) => uniform() < 1 / (1 + Math.exp(-(1.5 * a! - b! + 0.5))));
  const weights = rows.map((_, i) => (i % 2 ? 0.5 : 1.5));

  it('is at the minimum of its loss', () => {
    const penalty = 2;
    const { weights: w, bias } = logisticRegression(rows, positive, weights, penalty);
    const loss = ([a, b, c]: number[]) =>
      (penalty / 2) * (a! ** 2 + b! ** 2) +
      rows.reduce((sum, row, i) => {
        const z = a! * row[0]! + b! * row[1]! + c!;
        return sum + weights[i]! * Math.log1p(Math.exp(positive[i] ? -z : z));
      }, 0);
    const found = [...w, bias];
    found.forEach((_value, k) => {
      const moved = (by: number) => loss(found.map((value, i) => value + (i === k ? by : 0)));
      expect((moved(1e-4) - moved(-1e-4)) / 2e-4).toBeCloseTo(0, 4);
    });
    expect(w[0]).toBeGreaterThan(0.5);
  });
});

describe('gate', () => {
  const rows = trustedRows(1100, 6);
  const fitted = sliceRows(rows, 0, 250);
  const split = fitSplit(fitted.x, fitted.n, input)!;
  const base = { split, q: 0.5, fitted, forThreshold: sliceRows(rows, 250, 675), forCheck: sliceRows(rows, 675, 1100) };

  it('selects attacked rows, and few others', async () => {
    const x = await fgsm(0.4).run(fitted.x, fitted.y, fitted.n);
    const { gate, selects, reason } = calibrateGate({ ...base, attacked: [{ ...fitted, x }] })!;
    expect(reason).toBeNull();
    expect(selects.trusted).toBeLessThanOrEqual(0.05);
    const fresh = trustedRows(100, 7);
    const attacked = { ...fresh, x: await fgsm(0.4).run(fresh.x, fresh.y, fresh.n) };
    const chosen = (of: typeof fresh) =>
      coefficientsOf(prepareBasis(split.basis), of).filter((a) => gateSelects(gate, a)).length;
    expect(chosen(attacked)).toBeGreaterThan(60);
    expect(chosen(fresh)).toBeLessThan(10);
  });

  it('is refused where attacked rows look like any others', () => {
    const { reason } = calibrateGate({ ...base, attacked: [fitted] })!;
    expect(reason).toMatch(/^the gate lets/);
  });

  it('is not made without rows to check it on', () => {
    expect(calibrateGate({ ...base, forCheck: sliceRows(rows, 1090, 1100), attacked: [fitted] })).toBeNull();
  });
});
