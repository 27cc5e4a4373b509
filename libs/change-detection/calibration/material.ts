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
  run: (x: Float32Array, y: Int32Array, rows: number) => Promise<Float32Array>;
}
