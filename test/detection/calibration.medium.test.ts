import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { CALIBRATION_FILE } from './demo-model.js';
import { runBuilt } from './programs.js';

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

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

it('the demo’s model comes with its own calibration', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'antibody-calibration-'));
  try {
    const file = join(folder, 'calibration.json');
    await runBuilt('scripts/calibrate-demo-model.js', [file]);
    const [shipped, made] = [numbersOf(readJson(CALIBRATION_FILE)), numbersOf(readJson(file))];
    expect(made.rest).toBe(shipped.rest);
    const different = made.numbers.filter((value, i) => {
      const expected = shipped.numbers[i]!;
      return Math.abs(value - expected) > TOLERANCE * Math.max(1, Math.abs(expected));
    });
    expect(different).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 600_000);
