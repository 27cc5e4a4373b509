import type { InputShape, ModelFunctions } from '../model.js';
import type { Calibration } from './calibration.js';

/** Labelled rows that nothing but calibration has seen. */
export interface TrustedRows {
  /** n x features. */
  x: Float32Array;
  y: Int32Array;
  n: number;
}

/** One of the model's own attacks at one strength. */
export interface CalibrationAttack {
  /** E.g. `fgsm`, `pgd`. */
  attack: string;
  epsilon: number;
  /** The attacked versions of `rows` rows with labels y. */
  run(x: Float32Array, y: Int32Array, rows: number): Promise<Float32Array>;
}

export interface CalibrationOptions {
  input: InputShape;
  /** Uniform in [0, 1), seeded. */
  random: () => number;
  signal?: AbortSignal;
}

export async function calibrate(
  model: ModelFunctions,
  trusted: TrustedRows,
  attacks: readonly CalibrationAttack[],
  options: CalibrationOptions,
): Promise<Calibration> {
  await Promise.resolve([model, trusted, attacks, options]);
  throw new Error('not written yet');
}
