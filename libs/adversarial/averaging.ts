import type { Tensors } from './checkpoint.js';

/** Exponential moving average of the weights after one more step; it begins with the weights themselves. */
export function averaged(averages: Tensors, weights: Tensors, decay: number): Tensors {
  return new Map(
    [...weights].map(([name, values]) => {
      const before = averages.get(name);
      return [name, before ? values.map((value, i) => decay * before[i]! + (1 - decay) * value) : values.slice()];
    }),
  );
}
