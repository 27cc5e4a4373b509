import { beforeAll, describe, expect, it } from '@jest/globals';
import { aimClasses } from '../aim/directions.js';
import { gateSelects } from '../aim/gate.js';
import { aimedRow, aimPair, type AimedRow } from '../aim/rows.js';
import { prepareSplit, splitRow } from '../aim/split.js';
import { fgsm, input, model, trustedRows } from '../fixtures/analytic-model.js';
import { seeded } from '../randomness.js';
import { openTests, updateTests, verdictOf } from '../verdict/verdict.js';
import { calibrate } from './calibrate.js';
import type { TrustedRows } from './material.js';
import type { Calibration } from './calibration.js';

const { features } = model;

/** Rows of which one in 60 has, by nature, what an attack would give it: rare enough that no bound from all rows shows it. */
async function oddlyClean(n: number, seed: number): Promise<TrustedRows> {
  const rows = trustedRows(n, seed);
  const odd = await fgsm(0.4).run(rows.x, rows.y, n);
  for (let row = 0; row < n; row += 60) rows.x.set(odd.subarray(row * features, (row + 1) * features), row * features);
  return rows;
}

/** Whether clean rows, however many, end in `attack` through the gate. */
async function gatedVerdict(calibration: Calibration, { x, n }: TrustedRows): Promise<string> {
  const { config, gate } = calibration.tests.gated;
  const splitter = prepareSplit(calibration.split!, config!);
  const selected: AimedRow[] = [];
  for (let row = 0; row < n; row++) {
    const split = splitRow(splitter, x.subarray(row * features, (row + 1) * features));
    if (!gateSelects(gate!, split.coefficients)) continue;
    const { logits, gradients } = await model.gradients(split.lo, 1, aimClasses);
    selected.push(aimedRow(split, logits, gradients[0]!, aimClasses(0, logits) as number[]));
  }
  expect(selected.length).toBeGreaterThan(50);
  const uniform = seeded(4);
  const drawn = () => selected[Math.floor(uniform() * selected.length)]!;
  let states = openTests(calibration, { groupSize: 2 });
  for (let pair = 0; pair < 600; pair++)
    states = updateTests(states, { test: 'gated', pair: aimPair(drawn(), drawn()) });
  return verdictOf(states, { outOfTime: true }).kind;
}

describe('the gated test, where rare clean rows look aimed', () => {
  let calibration: Calibration;
  beforeAll(async () => {
    calibration = await calibrate(model, await oddlyClean(1200, 1), [fgsm(0.4)], {
      input,
      random: seeded(3),
    });
  }, 60_000);

  it('allows what those rows reach', () => {
    const { aim, gated } = calibration.tests;
    expect(gated.gate).not.toBeNull();
    expect(gated.bounds!.m0.abs).toBeGreaterThan(aim.bounds!.m0.abs + 0.05);
  });

  it('does not call clean traffic an attack, as it would with the bounds of all rows', async () => {
    const fresh = await oddlyClean(2400, 9);
    expect(await gatedVerdict(calibration, fresh)).not.toBe('attack');
    const { aim, gated } = calibration.tests;
    const unmended = { ...calibration, tests: { ...calibration.tests, gated: { ...gated, bounds: aim.bounds } } };
    expect(await gatedVerdict(unmended, fresh)).toBe('attack');
  });
});
