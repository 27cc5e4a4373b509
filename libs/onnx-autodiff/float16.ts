import type { Tensor } from './tensor.js';

/** Of IEEE 754 binary16: 1 sign bit, 5 of exponent (bias 15), 10 of fraction. */
const LARGEST = 65504;
const INFINITE = 0x7c00;
const QUIET_NAN = 0x7e00;
const FRACTION_BITS = 10;
const SMALLEST_EXPONENT = -14;

/** The number that 16 bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> FRACTION_BITS) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (SMALLEST_EXPONENT - FRACTION_BITS);
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the nearest finite number, of two the even one: a weight that was trained too far for its file stays a number. */
export function toHalf(value: number): number {
  if (Number.isNaN(value)) return QUIET_NAN;
  const sign = Object.is(Math.sign(value), -0) || value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === Infinity) return sign | INFINITE;
  const exponent = Math.max(SMALLEST_EXPONENT, Math.floor(Math.log2(Math.min(size, LARGEST))));
  const units = halfToEven(Math.min(size, LARGEST) / 2 ** (exponent - FRACTION_BITS));
  // A fraction that is rounded up to 2048 units carries into the exponent, as it should; below 1024 it is subnormal.
  return sign | (((exponent + 14) << FRACTION_BITS) + units);
}

function halfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

/** The same numbers in float32, where they are float16; else the tensor itself. */
export function widened(tensor: Tensor): Tensor {
  if (tensor.type !== 'float16') return tensor;
  return { type: 'float32', dims: tensor.dims, data: Float32Array.from(tensor.data as Uint16Array, fromHalf) };
}
