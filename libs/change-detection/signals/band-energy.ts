import type { PreparedBasis } from '../aim/transform.js';

/**
 * How much fine structure a row has. Images: the mean absolute Laplacian over the inner pixels of all channels. Vectors: the mean of a_k^2 / v_k over
 * the half of the principal components with the smallest variance v_k on trusted rows.
 */
export function bandEnergy(basis: PreparedBasis, variance: ArrayLike<number>, x: Float32Array): number {
  const shape = basis.image;
  if (!shape) return smallComponents(basis.to(x), variance);
  const { channels, height, width, channelsLast } = shape;
  const [pixel, line, plane] = channelsLast ? [channels, channels * width, 1] : [1, width, height * width];
  let total = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 1; i < height - 1; i++) {
      for (let j = 1; j < width - 1; j++) {
        const p = channel * plane + i * line + j * pixel;
        total += Math.abs(4 * x[p]! - x[p - pixel]! - x[p + pixel]! - x[p - line]! - x[p + line]!);
      }
    }
  }
  return total / (channels * height * width);
}

function smallComponents(coefficients: Float64Array, variance: ArrayLike<number>): number {
  const median = [...Array.from(variance)].sort((a, b) => a - b)[(variance.length - 1) >> 1] ?? 0;
  let [total, count] = [0, 0];
  coefficients.forEach((a, k) => {
    if (variance[k]! > median) return;
    total += (a * a) / variance[k]!;
    count++;
  });
  return total / Math.max(1, count);
}
