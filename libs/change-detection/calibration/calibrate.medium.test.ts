import { beforeAll, describe, expect, it } from '@jest/globals';
import { aimClasses } from '../aim/directions.js';
import { gateSelects } from '../aim/gate.js';
import { aimedRow, aimPair, labelledTable, type AimedRow, type LabelledRow } from '../aim/rows.js';
import { prepareSplit, splitRow } from '../aim/split.js';
import { groupOf } from '../aim/swap-score.js';
import { fgsm, input, model, noise, trustedRows } from '../fixtures/analytic-model.js';
import { UNSEEN_VECTORS } from '../fixtures/unseen-corruptions.js';
import { seeded } from '../randomness.js';
import { prepareSignals, rowSignals, squeezedInput } from '../signals/signals.js';
import { openTests, updateTests, verdictOf } from '../verdict/verdict.js';
import { calibrate } from './calibrate.js';
import type { TrustedRows } from './material.js';
import { METHOD, type Calibration, type TestName } from './calibration.js';
import { onVectors, unitsOf } from './corruptions/corruptions.js';

const rowOf = (x: Float32Array, row: number) => x.subarray(row * model.features, (row + 1) * model.features);
const classes = model.classes;

let calibration: Calibration;
const fresh = trustedRows(300, 2);
beforeAll(async () => {
  const made = await calibrate(model, trustedRows(600, 1), [fgsm(0.2), fgsm(0.4)], { input, random: seeded(3) });
  calibration = JSON.parse(JSON.stringify(made)) as Calibration;
}, 60_000);

/** What a collector computes for rows while an anomaly is open, and what the detector makes of it: after how many requests it says what. */
async function play(tests: TestName[], { x, y, n }: TrustedRows, { groupSize = 2, labelled = 1 } = {}) {
  let states = openTests(calibration, { groupSize }).filter(({ test }) => tests.includes(test));
  const uniform = seeded(8);
  const aimSplitter = prepareSplit(calibration.split!, calibration.tests.aim.config!);
  const labelledSplitter = prepareSplit(calibration.split!, calibration.tests.labelled.config!);
  const waiting: Record<'aim' | 'gated', AimedRow[]> = { aim: [], gated: [] };
  let group: (LabelledRow & { y: number })[] = [];
  for (let row = 0; row < n; row++) {
    const aimSplit = splitRow(aimSplitter, rowOf(x, row));
    const { logits, gradients } = await model.gradients(aimSplit.lo, 1, aimClasses);
    const aimed = aimedRow(aimSplit, logits, gradients[0]!, aimClasses(0, logits) as number[]);
    const gate = calibration.tests.gated.gate;
    for (const test of ['aim', 'gated'] as const) {
      if (test === 'gated' && !(gate && gateSelects(gate, aimSplit.coefficients))) continue;
      waiting[test].push(aimed);
      const [i, j] = waiting[test];
      if (!i || !j) continue;
      states = updateTests(states, { test, pair: aimPair(i, j) });
      waiting[test] = [];
    }
    const split = splitRow(labelledSplitter, rowOf(x, row));
    const all = await model.gradients(split.lo, 1, () => 'all');
    group.push({ residual: split.residual, logits: all.logits, gradients: all.gradients[0]!, y: y[row]! });
    if (group.length === groupSize) {
      const table = labelledTable(group);
      const members = group.map((member, i) => (uniform() < labelled ? table[i]![member.y]! : null));
      states = updateTests(states, { test: 'labelled', group: groupOf(members) });
      group = [];
    }
    const verdict = verdictOf(states, { outOfTime: false });
    if (verdict.kind === 'attack') return { ...verdict, after: row + 1 };
  }
  return { ...verdictOf(states, { outOfTime: true }), after: n };
}

const attacked = async (epsilon: number): Promise<TrustedRows> => ({
  ...fresh,
  x: await fgsm(epsilon).run(fresh.x, fresh.y, fresh.n),
});

describe('calibration of a model with closed-form gradients', () => {
  it('keeps the tests that see the model’s own attacks, and says how fast', () => {
    expect(calibration.method).toBe(METHOD);
    expect(calibration.rows).toBe(600);
    for (const test of [calibration.tests.aim, calibration.tests.labelled]) {
      expect(test.reason).toBeNull();
      expect(test.enabled).toBe(true);
      expect(test.power.map(({ attack, epsilon }) => [attack, epsilon])).toEqual([
        ['fgsm', 0.2],
        ['fgsm', 0.4],
      ]);
      expect(test.power[1]!.expectedRequests).toBeLessThan(300);
    }
  });

  it.each(['aim', 'gated', 'labelled'] as const)('finds an attack on fresh rows: %s', async (test) => {
    if (!calibration.tests[test].enabled) return expect(calibration.tests[test].reason).toBeTruthy();
    const { kind, statement, after } = await play([test], await attacked(0.4));
    expect(kind).toBe('attack');
    expect(after).toBeLessThan(300);
    expect(statement).toMatch(
      /^The inputs are aimed at this model: the change in each request fits this request better/,
    );
  });

  it('finds it when one label in four comes, in groups of four', async () => {
    const { kind } = await play(['labelled'], await attacked(0.4), { groupSize: 4, labelled: 0.25 });
    expect(kind).toBe('attack');
  });

  it.each(Object.keys(UNSEEN_VECTORS))('does not mistake a harmless change for one: %s', async (name) => {
    const units = unitsOf(fresh.x, fresh.n);
    const x = onVectors(name, UNSEEN_VECTORS[name]!, input, units).apply(fresh.x, fresh.n, seeded(5));
    const { kind } = await play(['aim', 'gated', 'labelled'], { ...fresh, x });
    expect(kind).not.toBe('attack');
  });

  it('flags fresh trusted rows within the tolerance, and noise above it', async () => {
    const prepared = prepareSignals(calibration);
    expect(squeezedInput(prepared, rowOf(fresh.x, 0))).toBeNull();
    const share = async (x: Float32Array, signal: 'lowConfidence' | 'bandEnergy') => {
      const logits = await model.forward(x, fresh.n);
      let flagged = 0;
      for (let row = 0; row < fresh.n; row++) {
        const z = logits.subarray(row * classes, (row + 1) * classes);
        flagged += rowSignals(prepared, { x: rowOf(x, row), logits: z, squeezedLogits: null })[signal] ?? 0;
      }
      return flagged / fresh.n;
    };
    const { bandEnergy, lowConfidence } = calibration.signals;
    expect(await share(fresh.x, 'bandEnergy')).toBeLessThanOrEqual(bandEnergy.tolerance);
    expect(await share(fresh.x, 'lowConfidence')).toBeLessThanOrEqual(lowConfidence.tolerance);
    expect(await share((await attacked(0.4)).x, 'bandEnergy')).toBeGreaterThan(0.5);
  });
});

describe('refusals', () => {
  it('switches the tests off where the only attack is aimed at nothing', async () => {
    const { tests } = await calibrate(model, trustedRows(200, 4), [noise(1.5)], { input, random: seeded(3) });
    for (const test of Object.values(tests)) {
      expect(test.enabled).toBe(false);
      expect(test.reason).toMatch(/attacks lie -?0\.0\d+ above what harmless changes reach|has no power on this model/);
    }
    expect(openTests({ ...calibration, tests }, { groupSize: 2 })).toEqual([]);
    expect(verdictOf([], { outOfTime: false })).toMatchObject({ kind: 'undetermined', reason: 'no-verdict' });
  });

  it('names what is wrong with its arguments', async () => {
    const run = (rows: TrustedRows) => calibrate(model, rows, [], { input, random: seeded(1) });
    await expect(run(trustedRows(100, 1))).rejects.toThrow('trusted.n is 100; at least 150 rows are needed');
    const rows = trustedRows(150, 1);
    await expect(run({ ...rows, x: rows.x.subarray(1) })).rejects.toThrow('trusted.x has 5999 values');
    await expect(run({ ...rows, y: rows.y.map(() => 9) })).rejects.toThrow('trusted.y has the label 9 at row 0');
  });
});
