import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { calibrateDemoModel } from '../../scripts/demo-calibration.js';
import { CALIBRATION_FILE } from './demo-model.js';

/** A second run on the same machine gives the same file; elsewhere sums may come in another order. */
const TOLERANCE = 1e-6;

/** Every number of a JSON document, in its order, and the document with the numbers left out. */
function numbersOf(document: unknown): { numbers: number[]; rest: string } {
  const numbers: number[] = [];
  const rest = JSON.stringify(document, (_key, value: unknown) => {
    if (typeof value !== 'number') return value;
    numbers.push(value);
    return 0;
  });
  return { numbers, rest };
}

it('the demo’s model comes with its own calibration', async () => {
  const shipped = numbersOf(JSON.parse(readFileSync(CALIBRATION_FILE, 'utf8')));
  const made = numbersOf(JSON.parse((await calibrateDemoModel()).file.toString()));
  expect(made.rest).toBe(shipped.rest);
  const different = made.numbers.filter((value, i) => {
    const expected = shipped.numbers[i]!;
    return Math.abs(value - expected) > TOLERANCE * Math.max(1, Math.abs(expected));
  });
  expect(different).toEqual([]);
}, 900_000);
