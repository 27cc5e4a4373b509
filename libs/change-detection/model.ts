/** Which logits of a row to differentiate, when its logits are known. */
export type ChooseClasses = (row: number, logits: Float32Array) => readonly number[] | 'all';

export interface LogitsAndGradients {
  /** rows x classes. */
  readonly logits: Float32Array;
  /** [row][i]: the derivative of the row's i-th chosen logit by its input, as long as a row of input. */
  readonly gradients: readonly (readonly Float32Array[])[];
}

/** The classifier, as the caller runs it. */
export interface ModelFunctions {
  readonly classes: number;
  /** Length of one row of input. */
  readonly features: number;
  /** Logits, rows x classes. */
  forward(x: Float32Array, rows: number): Promise<Float32Array>;
  gradients(x: Float32Array, rows: number, choose: ChooseClasses): Promise<LogitsAndGradients>;
}

/** What one row looks like: images are [channels, height, width] or [height, width, channels], series [channels, time], tables [features]. */
export interface InputShape {
  readonly dims: readonly number[];
  readonly classes: number;
  /** Smallest and largest valid value. */
  readonly range: readonly [number, number];
}
