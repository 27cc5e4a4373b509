import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TrustedRows, Verdict } from '#change-detection';
import { onImages } from '../../libs/change-detection/calibration/corruptions/corruptions.js';
import { imageLayout } from '../../libs/change-detection/calibration/image-layout.js';
import { seeded } from '../../libs/change-detection/randomness.js';
import { demoModel, firstRows, pickRows, type DemoModel } from './demo-model.js';
import { UNSEEN } from './unseen-corruptions.js';
import { play, playGated, poolOf, selectedByGate } from './verdict-streams.js';

const ROWS = 200;
const STREAMS = 10;
const REQUESTS = 3000;
/** A stream that ends in `attack` by mistake is allowed once in a hundred. */
const WRONG = 0.01;

describe('the verdict of the demo’s model with its own calibration, on rows that nobody has used', () => {
  let demo: DemoModel;
  let rows: TrustedRows;
  beforeAll(async () => {
    demo = await demoModel();
    rows = firstRows(demo.unseen, ROWS);
  }, 60_000);
  afterAll(() => demo.release());

  it('says `attack` for no more than 1 % of the streams of changes that calibration has not seen', async () => {
    const layout = imageLayout(demo.calibration.input)!;
    const table: Record<string, object> = {};
    let [wrong, streams] = [0, 0];
    for (const [kind, change] of Object.entries({ 'no change': null, ...UNSEEN })) {
      const changed = change && onImages(kind, change, layout, demo.calibration.input).apply(rows.x, rows.n, seeded(7));
      const pool = await poolOf(demo.functions, demo.calibration, { ...rows, x: changed ?? rows.x });
      const ends = Array.from({ length: STREAMS }, (_, seed) =>
        play(demo.calibration, pool, { requests: REQUESTS, seed }),
      );
      const count = (verdict: string) => ends.filter((end) => end.kind === verdict).length;
      wrong += count('attack');
      streams += STREAMS;
      table[kind] = {
        attack: count('attack'),
        drift: count('drift'),
        undetermined: count('undetermined'),
        ...largest(ends),
      };
    }
    console.table(table);
    console.log(`${wrong} of ${streams} streams of harmless changes were called an attack`);
    expect(wrong / streams).toBeLessThanOrEqual(WRONG);
  }, 600_000);

  it('says `attack` for no clean stream, however long its requests pass through the gate', async () => {
    const selected = selectedByGate(demo.calibration, demo.unseen);
    console.log(`the gate selects ${selected.length} of ${demo.unseen.n} clean rows`);
    const pool = await poolOf(demo.functions, demo.calibration, pickRows(demo.unseen, selected));
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
