import type { InferenceRows, RowShape } from './request.js';

/** The body of a request for these rows; `tensor` is the name of the model's input (V2 only). */
export function encodeRequest({ protocol, id, rows, x }: InferenceRows, { dims }: RowShape, tensor = 'input'): string {
  if (protocol === 'v2') {
    const input = { name: tensor, shape: [rows, ...dims], datatype: 'FP32', data: Array.from(x) };
    return JSON.stringify({ id, inputs: [input] });
  }
  const features = x.length / rows;
  const instances = Array.from({ length: rows }, (_, row) =>
    nest(x.subarray(row * features, (row + 1) * features), dims),
  );
  return JSON.stringify({ instances });
}

export function nest(values: Float32Array, dims: readonly number[]): unknown[] {
  const [length = 0, ...inner] = dims;
  if (inner.length === 0) return Array.from(values);
  const size = values.length / length;
  return Array.from({ length }, (_, i) => nest(values.subarray(i * size, (i + 1) * size), inner));
}
