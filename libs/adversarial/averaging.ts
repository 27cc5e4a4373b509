import type { Tensors } from './checkpoint.js';

/**
 * Exponential moving average of the weights after `step` steps; it begins with the weights themselves. Early steps decay
 * faster, or the first ones, which only warm up, would still outweigh the others at the end of a short run: of the
 * first m of n steps at most the share (m / n) ** 9, about, is left.
 */
export function averaged(averages: Tensors, weights: Tensors, decay: number, step: number): Tensors {
  const kept = Math.min(decay, (1 + step) / (10 + step));
  return new Map(
    [...weights].map(([name, values]) => {
      const before = averages.get(name);
      return [name, before ? between(before, values, kept) : values.slice()];
    }),
  );
}

/** A plain loop: this is done for every weight in every step. */
function between(before: Float32Array, values: Float32Array, kept: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let i = 0; i < result.length; i++) result[i] = kept * before[i]! + (1 - kept) * values[i]!;
  return result;
}
