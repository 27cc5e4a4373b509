import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Verdict } from '#change-detection';
import { demoModel, pickRows, type DemoModel } from './demo-model.js';
import { gatedPairs, playGated, selectedByGate } from './verdict-streams.js';

const STREAMS = 10;

describe('the verdict of the demo’s model with its own calibration, on rows that nobody has used', () => {
  let demo: DemoModel;
  beforeAll(async () => {
    demo = await demoModel();
  }, 60_000);
  afterAll(() => demo.release());

  it('says `attack` for no clean stream, however long its requests pass through the gate', async () => {
    const selected = selectedByGate(demo.calibration, demo.unseen);
    console.log(`the gate selects ${selected.length} of ${demo.unseen.n} clean rows`);
    const pool = await gatedPairs(demo.functions, demo.calibration, pickRows(demo.unseen, selected));
    const ends = Array.from({ length: STREAMS }, (_, seed) => playGated(demo.calibration, pool, { pairs: 2000, seed }));
    console.table(largest(ends));
    expect(ends.filter(({ kind }) => kind === 'attack')).toEqual([]);
  }, 600_000);
});

/** The largest e-value of each test over all streams, and its mean score beside what is allowed. */
const largest = (ends: readonly Verdict[]) =>
  Object.fromEntries(
    ends[0]!.evidence.map(({ test, allowed }) => {
      const own = ends.flatMap(({ evidence }) => evidence.filter((one) => one.test === test));
      const mean = own.reduce((sum, one) => sum + (one.mean ?? 0.5), 0) / own.length;
      const e = Math.max(...own.map(({ attackE }) => attackE));
      return [test, `e ${e.toPrecision(2)}, mean ${mean.toFixed(2)} of ${allowed.toFixed(2)}`];
    }),
  );
