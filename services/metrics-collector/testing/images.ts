import { ModelBuilder } from '#onnx-autodiff';
import { SIDE } from './calibration.js';

export const smallModel = (seed = 7): Uint8Array =>
  new ModelBuilder({ input: [1, SIDE, SIDE], seed })
    .convolution(4, { kernel: 3, stride: 2, pad: 1 })
    .relu()
    .flatten()
    .dense(3)
    .build();

/** Smooth random images with noise of random strength, in [0, 1]. */
export function randomImages(count: number, uniform: () => number): Float32Array[] {
  return Array.from({ length: count }, () => {
    const [level, slope, noise] = [uniform(), uniform(), uniform() ** 2];
    return Float32Array.from({ length: SIDE * SIDE }, (_, p) => {
      const value = level * 0.5 + slope * 0.5 * ((p % SIDE) / SIDE) + noise * (uniform() - 0.5);
      return Math.fround(Math.min(1, Math.max(0, value)));
    });
  });
}

/** Uniform numbers from a linear congruential generator (Numerical Recipes). */
export function uniformStream(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}
