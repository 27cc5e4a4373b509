import { random, type Random } from '#adversarial';
import { someChanged, type RowSource } from './rows.js';

/** A change that nobody aims at the model. Results stay in the valid range. */
export type Drift = (x: Float32Array, random: Random) => Float32Array;
export type Range = readonly [number, number];

const inRange = (x: Float32Array, [low, high]: Range) => x.map((value) => Math.min(high, Math.max(low, value)));

/** Box and Muller. */
const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());

/** Independent normal noise on every value. */
export const noise =
  (deviation: number, range: Range): Drift =>
  (x, random) =>
    inRange(
      x.map((value) => value + deviation * normal(random)),
      range,
    );

/** The same amount on every value: a camera with another exposure. */
export const brightness =
  (shift: number, range: Range): Drift =>
  (x) =>
    inRange(
      x.map((value) => value + shift),
      range,
    );

/** Gaussian blur of images; `dims` is one row, [channels, height, width]. Edges repeat. */
export function blur(deviation: number, [channels = 1, height = 1, width = 1]: readonly number[]): Drift {
  const reach = Math.ceil(3 * deviation);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const clamp = (at: number, size: number) => Math.min(size - 1, Math.max(0, at));
  const along = (x: Float32Array, step: (plane: number, row: number, column: number, by: number) => number) => {
    const blurred = new Float32Array(x.length);
    for (let i = 0; i < x.length; i++) {
      const plane = Math.floor(i / (height * width));
      const row = Math.floor(i / width) % height;
      let sum = 0;
      weights.forEach((weight, k) => (sum += weight * x[step(plane, row, i % width, k - reach)]!));
      blurred[i] = sum / total;
    }
    return blurred;
  };
  return (x) => {
    if (x.length !== channels * height * width) {
      throw new Error(`blur was made for rows of ${channels * height * width} values, not ${x.length}`);
    }
    const sideways = along(x, (p, r, c, by) => (p * height + r) * width + clamp(c + by, width));
    return along(sideways, (p, r, c, by) => (p * height + clamp(r + by, height)) * width + c);
  };
}

/** The drifted share of a source. */
export function driftedRows(
  source: RowSource,
  drift: Drift,
  { fraction = 1, seed }: { fraction?: number; seed: number },
): RowSource {
  const stream = random(seed + 1); // of its own, so that the choice of rows does not depend on the kind of drift
  return someChanged(source, { fraction, seed }, (row) => ({ ...row, x: drift(row.x, stream), kind: 'drift' }));
}
