import { requireThat } from './errors.js';
import { normal, type Random } from './random.js';

/** What an attacker may do to an input, in the input's own units: stay within `epsilon` of it, and inside the valid range. */
export interface ThreatModel {
  norm: Norm;
  epsilon: number;
  range: readonly [number, number];
}

export type Norm = 'linf' | 'l2';

export function checkThreat({ norm, epsilon, range: [low, high] }: ThreatModel): void {
  requireThat(norm === 'linf' || norm === 'l2', 'threat.norm', 'must be linf or l2');
  requireThat(epsilon >= 0 && Number.isFinite(epsilon), 'threat.epsilon', 'must be a finite number from 0 up');
  requireThat(
    Number.isFinite(low) && Number.isFinite(high) && low < high,
    'threat.range',
    'must be [low, high] with low < high',
  );
}

/** Values may be off by rounding: inputs are float32, the range is given in decimals. */
const ROUNDING = 1e-6;

export function checkInRange(field: string, x: Float32Array, [low, high]: readonly [number, number]): void {
  const slack = ROUNDING * (high - low);
  const [least, most] = [low - slack, high + slack];
  const bad = x.findIndex((value) => !(value >= least && value <= most));
  requireThat(bad < 0, field, `has the value ${x[bad]} at element ${bad}; the range is ${low} to ${high}`);
}

/** A point of the unit ball for each row: uniform for linf; uniform direction and volume for l2. */
export function unitBallNoise(norm: Norm, rows: number, features: number, random: Random): Float32Array {
  const noise = new Float32Array(rows * features);
  if (norm === 'linf') {
    for (let i = 0; i < noise.length; i++) noise[i] = 2 * random.next() - 1;
    return noise;
  }
  for (let row = 0; row < rows; row++) {
    const direction = noise.subarray(row * features, (row + 1) * features);
    for (let i = 0; i < features; i++) direction[i] = normal(random);
    const radius = random.next() ** (1 / features);
    const scale = radius / distance('l2', direction, new Float32Array(features));
    for (let i = 0; i < features; i++) direction[i]! *= scale;
  }
  return noise;
}

/** Random starts x + epsilon * noise, cut to the valid range (which only brings them nearer). */
export function startAt(
  x: Float32Array,
  noise: Float32Array,
  { epsilon, range: [low, high] }: ThreatModel,
): Float32Array {
  const start = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const value = x[i]! + epsilon * noise[i]!;
    start[i] = value < low ? low : value > high ? high : value;
  }
  return start;
}

export function distance(norm: Norm, a: Float32Array, b: Float32Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    if (norm === 'l2') total += difference * difference;
    else if (difference > total || -difference > total) total = difference < 0 ? -difference : difference;
  }
  return norm === 'l2' ? Math.sqrt(total) : total;
}

/** The largest distance between matching rows. */
export function largestPerturbation(norm: Norm, a: Float32Array, b: Float32Array, features: number): number {
  let largest = 0;
  for (let at = 0; at < a.length; at += features) {
    const size = distance(norm, a.subarray(at, at + features), b.subarray(at, at + features));
    if (size > largest) largest = size;
  }
  return largest;
}
