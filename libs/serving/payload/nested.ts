import { PayloadError } from '../errors.js';

/** Lengths of a nested array along its first elements: `[[1, 2], [3, 4], [5, 6]]` has [3, 2]. */
export function shapeOf(value: unknown): number[] {
  const shape: number[] = [];
  for (let at = value; Array.isArray(at) && shape.length < 8; at = (at as unknown[])[0]) shape.push(at.length);
  return shape;
}

/** Reads a nested array of exactly this shape (one axis at least) into `into`, row-major. */
export function fillNested(value: unknown, shape: readonly number[], field: string, into: Float32Array): void {
  let at = 0;
  const walk = (part: unknown, axis: number, path: string) => {
    if (!Array.isArray(part) || part.length !== shape[axis]) {
      throw new PayloadError(path, `must be an array of ${shape[axis]} like the others`);
    }
    if (axis === shape.length - 1) fillFlat(part, path, into, at, (at += part.length));
    else for (let i = 0; i < part.length; i++) walk(part[i], axis + 1, `${path}[${i}]`);
  };
  walk(value, 0, field);
}

function fillFlat(values: unknown[], field: string, into: Float32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    into[i] = numberOf(values[i - from]);
    if (!Number.isFinite(into[i])) throw new PayloadError(`${field}[${i - from}]`, 'must be a finite number');
  }
}

const numberOf = (value: unknown) => (typeof value === 'number' ? value : typeof value === 'boolean' ? +value : NaN);
