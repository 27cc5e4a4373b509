import { requireThat } from './errors.js';

/** Labelled rows: `x` holds n rows of shape `dims` in C order. */
export interface Dataset extends Rows {
  n: number;
  dims: readonly number[];
  classes: number;
}

/** Inputs, n x features, and the class index of each. */
export interface Rows {
  x: Float32Array;
  y: Int32Array;
}

export function checkRows(field: string, { x, y }: Rows, features: number, classes: number): void {
  requireThat(y.length > 0, field, 'has no rows');
  requireThat(
    x.length === y.length * features,
    field,
    `has ${x.length} values for ${y.length} rows of ${features} features`,
  );
  const bad = y.findIndex((label) => label < 0 || label >= classes);
  requireThat(bad < 0, field, `has label ${y[bad]} in row ${bad}; the model has classes 0 to ${classes - 1}`);
}

/** Copies rows into a batch of fixed size; places left over repeat the last row, whose results nobody reads. */
export function gatherRows(x: Float32Array, rows: ArrayLike<number>, features: number, batch: number): Float32Array {
  const gathered = new Float32Array(batch * features);
  for (let i = 0; i < batch; i++) {
    const row = rows[i < rows.length ? i : rows.length - 1]!;
    gathered.set(x.subarray(row * features, (row + 1) * features), i * features);
  }
  return gathered;
}

export function oneHot(labels: Int32Array, rows: ArrayLike<number>, classes: number, batch: number): Float32Array {
  const encoded = new Float32Array(batch * classes);
  for (let i = 0; i < batch; i++) {
    const row = rows[i < rows.length ? i : rows.length - 1]!;
    encoded[i * classes + labels[row]!] = 1;
  }
  return encoded;
}

/** Index of the largest of the `classes` scores of one row; -1, which is no class, where a score is NaN. */
export function argMax(scores: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let c = 0; c < classes; c++) {
    const score = scores[row * classes + c]!;
    if (score !== score) return -1;
    if (score > scores[row * classes + best]!) best = c;
  }
  return best;
}

export function pickRows({ x, y }: Rows, rows: readonly number[]): Rows {
  const picked = gatherRows(x, rows, x.length / y.length, rows.length);
  return { x: picked, y: Int32Array.from(rows, (row) => y[row]!) };
}

/** How often the most frequent value occurs. */
export function largestCount(values: Int32Array): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values());
}
