import { probabilities } from './probabilities.js';

/** Bit-depth squeezing (Xu, Evans and Qi 2018): the input with 2^bits levels over its range. Any number of rows. */
export function squeezed(x: Float32Array, bits: number, [low, high]: readonly [number, number]): Float32Array {
  const steps = 2 ** bits - 1;
  return x.map((value) => low + ((high - low) * Math.floor(((value - low) / (high - low)) * steps + 0.5)) / steps);
}

/** L1 distance of the probabilities before and after squeezing, 0 to 2. */
export function squeezeScore(logits: Float32Array, squeezedLogits: Float32Array): number {
  const after = probabilities(squeezedLogits);
  return probabilities(logits).reduce((sum, p, k) => sum + Math.abs(p - (after[k] ?? 0)), 0);
}
