import { weightBytes } from './file/weightBytes.js';
import type { OnnxModel } from './model.js';

const BYTES_PER_FLOAT = 4;

/** The same file with other weights: no byte differs but theirs. */
export function patchWeights(model: OnnxModel, weights: ReadonlyMap<string, Float32Array>): Uint8Array {
  const sizes = new Map([...model.parameters, ...model.statistics].map(({ name, data }) => [name, data.length]));
  for (const [name, { length }] of weights)
    if (sizes.get(name) !== length)
      throw new RangeError(
        `"${name}" should be a weight of ${sizes.get(name) ?? 'this model with any'} numbers, not ${length}`,
      );
  const patched = new Uint8Array(model.bytes);
  const missing = new Set(weights.keys());
  for (const { name, segments } of weightBytes(model.bytes)) {
    const values = weights.get(name);
    if (!values) continue;
    const view = new DataView(patched.buffer);
    let index = 0;
    for (const { start, end } of segments)
      for (let at = start; at < end; at += BYTES_PER_FLOAT) view.setFloat32(at, values[index++] ?? 0, true);
    if (index !== values.length)
      throw new RangeError(`"${name}" has ${index} numbers in the file, not ${values.length}`);
    missing.delete(name);
  }
  if (missing.size > 0) throw new RangeError(`the file has no place for ${[...missing].join(', ')}`);
  return patched;
}
