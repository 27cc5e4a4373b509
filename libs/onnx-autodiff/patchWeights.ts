import { MalformedModelError } from './errors.js';
import { weightBytes, withRawHalves } from './file/weightBytes.js';
import type { WireField } from './file/wire.js';
import { toHalf } from './float16.js';
import type { OnnxModel } from './model.js';

/** The same file with other weights: no byte differs but theirs. What the file has in float16 is rounded to it. */
export function patchWeights(model: OnnxModel, weights: ReadonlyMap<string, Float32Array>): Uint8Array {
  const sizes = new Map([...model.parameters, ...model.statistics].map(({ name, data }) => [name, data.length]));
  for (const [name, { length }] of weights)
    if (sizes.get(name) !== length)
      throw new RangeError(
        `"${name}" should be a weight of ${sizes.get(name) ?? 'this model with any'} numbers, not ${length}`,
      );
  const patched = new Uint8Array(withRawHalves(model.bytes, weights));
  const missing = new Set(weights.keys());
  for (const { name, segments } of weightBytes(patched)) {
    const values = weights.get(name);
    if (!values) continue;
    writeNumbers(patched, segments, values, name);
    missing.delete(name);
  }
  if (missing.size > 0) throw new RangeError(`the file has no place for ${[...missing].join(', ')}`);
  return patched;
}

function writeNumbers(file: Uint8Array, segments: readonly WireField[], values: Float32Array, name: string): void {
  const bytes = segments.reduce((sum, { start, end }) => sum + end - start, 0);
  const width = bytes === 2 * values.length ? 2 : 4;
  if (bytes !== width * values.length)
    throw new MalformedModelError(`"${name}" has ${bytes} bytes in the file, not ${values.length} numbers`);
  const view = new DataView(file.buffer);
  let index = 0;
  for (const { start, end } of segments)
    for (let at = start; at < end; at += width) {
      const value = values[index++] ?? 0;
      if (width === 2) view.setUint16(at, toHalf(value), true);
      else view.setFloat32(at, value, true);
    }
}
