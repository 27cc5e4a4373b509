import type { ModelFunctions } from '../model.js';
import { predictedClass } from '../signals/probabilities.js';
import type { CalibrationAttack, TrustedRows } from './material.js';
import type { Corruption } from './corruptions/corruptions.js';
import { seeded, type Uniform } from '../randomness.js';

/** The examined trusted rows, as they are, harmlessly changed, or attacked. */
export interface Condition {
  name: string;
  role: 'clean' | 'harmless' | 'attack';
  /** Zero unless attacked. */
  epsilon: number;
  /** On the attacked rows; null where it is of no interest. */
  accuracy: number | null;
  /** Harmless changes are made again whenever they are wanted, always alike, so that only one is in memory at a time. */
  rows: () => TrustedRows;
}

export function harmlessConditions(
  rows: TrustedRows,
  corruptions: readonly Corruption[],
  uniform: Uniform,
): Condition[] {
  const clean: Condition = { name: 'unchanged', role: 'clean', epsilon: 0, accuracy: null, rows: () => rows };
  const changed = corruptions.map(({ name, apply }): Condition => {
    const seed = Math.floor(uniform() * 2 ** 32);
    const make = () => ({ ...rows, x: apply(rows.x, rows.n, seeded(seed)) });
    return { name, role: 'harmless', epsilon: 0, accuracy: null, rows: make };
  });
  return [clean, ...changed];
}

export async function attackCondition(
  model: ModelFunctions,
  rows: TrustedRows,
  { attack, epsilon, run }: CalibrationAttack,
): Promise<Condition & { logits: Float32Array }> {
  const attacked = { ...rows, x: await run(rows.x, rows.y, rows.n) };
  const logits = await model.forward(attacked.x, rows.n);
  const accuracy = accuracyOf(logits, rows.y, model.classes);
  return { name: attack, role: 'attack', epsilon, accuracy, rows: () => attacked, logits };
}

export function accuracyOf(logits: Float32Array, y: Int32Array, classes: number): number {
  let right = 0;
  y.forEach((label, row) => {
    if (predictedClass(logits.subarray(row * classes, (row + 1) * classes)) === label) right++;
  });
  return right / y.length;
}

export const firstRows = ({ x, y, n }: TrustedRows, count: number): TrustedRows => sliceRows({ x, y, n }, 0, count);

export function sliceRows({ x, y, n }: TrustedRows, start: number, end: number): TrustedRows {
  const features = x.length / n;
  const to = Math.min(end, n);
  return { x: x.subarray(start * features, to * features), y: y.subarray(start, to), n: to - start };
}

export function pickRows({ x, y, n }: TrustedRows, picked: readonly number[]): TrustedRows {
  const features = x.length / n;
  const out = new Float32Array(picked.length * features);
  picked.forEach((row, at) => out.set(x.subarray(row * features, (row + 1) * features), at * features));
  return { x: out, y: Int32Array.from(picked, (row) => y[row]!), n: picked.length };
}
