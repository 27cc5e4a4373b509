import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { demoModel, firstRows, type DemoModel } from './demo-model.js';
import { play, poolOf } from './verdict-streams.js';

const ROWS = 300;
const STREAMS = 11;
/** What calibration expects is a median over its own rows. */
const GENEROUS = 3;

describe('attacks on the demo’s model, on rows that nobody has used', () => {
  let demo: DemoModel;
  beforeAll(async () => {
    demo = await demoModel();
  }, 60_000);
  afterAll(() => demo.release());

  it.each([
    ['fgsm', 0.1],
    ['pgd', 0.1],
    ['pgd', 0.3],
  ] as const)(
    'reach `attack` about as soon as the calibration says: %s, epsilon %d',
    async (attack, epsilon) => {
      const { tests } = demo.calibration;
      const expected = Object.values(tests).flatMap(({ power }) =>
        power.flatMap((one) => (one.attack === attack && one.epsilon === epsilon ? (one.expectedRequests ?? []) : [])),
      );
      const soonest = Math.min(...expected);
      expect(soonest).toBeLessThan(1000);

      const attacked = await demo[attack](firstRows(demo.unseen, ROWS), epsilon);
      const pool = await poolOf(demo.functions, demo.calibration, attacked);
      const ends = Array.from({ length: STREAMS }, (_, seed) => play(demo.calibration, pool, { requests: 3000, seed }));
      const after = ends.map(({ after }) => after).sort((a, b) => a - b);
      console.log(`${attack} ${epsilon}: ${after.join(' ')} requests, expected ${soonest}`);
      expect(ends.map(({ kind }) => kind)).toEqual(ends.map(() => 'attack'));
      expect(after[Math.floor(STREAMS / 2)]).toBeLessThanOrEqual(GENEROUS * soonest);
    },
    300_000,
  );
});
