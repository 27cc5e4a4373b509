import { expect, it } from '@jest/globals';
import { random } from '#adversarial';
import { calibrate, type Calibration } from '#change-detection';
import { digitParts } from '#testbed';
import { demoModel } from './demo-model.js';
import { sameNumbers } from './same-numbers.js';

/** So weak that there is no power to measure: the tests of the verdict, which take long, are left out. */
const WEAK = 0.01;

/** What does not follow from the attacks. */
const withoutAttacks = ({ method, rows, input, split, signals }: Calibration) => {
  const { error, lowConfidence, bandEnergy, mismatch } = signals;
  return { method, rows, input, split, error, lowConfidence, bandEnergy, mismatch };
};

it('the demo’s model comes with its own split and signals; `npm run test:long` makes the whole calibration again', async () => {
  const { calibration: shipped, functions, fgsm, release } = await demoModel();
  const made = await calibrate(
    functions,
    digitParts().calibration,
    [{ attack: 'fgsm', epsilon: WEAK, run: async (x, y, n) => (await fgsm({ x, y, n }, WEAK)).x }],
    { input: shipped.input, random: random(1).next },
  );
  await release();
  expect(made.tests.aim.reason).toMatch(/no attack costs the model a fifth/);
  expect(sameNumbers(withoutAttacks(made), withoutAttacks(shipped))).toBe(true);
  expect(sameNumbers(withoutAttacks({ ...made, rows: made.rows - 1 }), withoutAttacks(shipped))).toBe(false);
}, 300_000);
