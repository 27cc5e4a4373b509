import type { ImageBasis, VectorBasis } from '../aim/basis.js';
import { symmetricEigen } from '../aim/symmetric-eigen.js';
import { prepareBasis } from '../aim/transform.js';
import type { InputShape } from '../model.js';
import type { SplitCalibration } from './calibration.js';
import { imageLayout, type ImageLayout } from './image-layout.js';

/** Principal components of longer rows cost too much, and nothing is known about them. */
export const LONGEST_VECTOR = 512;

/** Learns the basis and the variance of its coefficients from n trusted rows; null for vectors that are too long. */
export function fitSplit(x: Float32Array, n: number, input: InputShape): SplitCalibration | null {
  const features = x.length / n;
  const layout = imageLayout(input);
  if (!layout && features > LONGEST_VECTOR) return null;
  const basis = layout ? imageBasis(x, layout) : vectorBasis(x, n, features);
  const { to } = prepareBasis(basis);
  const [sum, squares] = [new Float64Array(features), new Float64Array(features)];
  for (let row = 0; row < n; row++) {
    to(x.subarray(row * features, (row + 1) * features)).forEach((a, k) => {
      sum[k]! += a;
      squares[k]! += a * a;
    });
  }
  const variance = squares.map((total, k) => Math.max(0, total / n - (sum[k]! / n) ** 2));
  const smooth = layout ? averagedOverFrequency(variance, layout) : variance;
  const [low, high] = input.range;
  // Coefficients that never vary would get endless weight.
  const floor = 1e-6 * (layout ? (high - low) ** 2 : mean(variance) || 1);
  return { basis, variance: Array.from(smooth, (v) => Number((v + floor).toPrecision(8))) };
}

const mean = (values: Float64Array): number => values.reduce((total, value) => total + value, 0) / values.length;

/** One coefficient has few rows to learn from: half its own variance, half the mean over all with the same u + v. */
function averagedOverFrequency(variance: Float64Array, { channels, height, width }: ImageLayout): Float64Array {
  const out = new Float64Array(variance.length);
  const frequency = (k: number) => Math.floor((k % (height * width)) / width) + (k % width);
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * height * width;
    const [sums, counts] = [new Float64Array(height + width), new Float64Array(height + width)];
    for (let k = 0; k < height * width; k++) {
      sums[frequency(k)]! += variance[start + k]!;
      counts[frequency(k)]!++;
    }
    for (let k = 0; k < height * width; k++) {
      out[start + k] = (variance[start + k]! + sums[frequency(k)]! / counts[frequency(k)]!) / 2;
    }
  }
  return out;
}

function imageBasis(x: Float32Array, layout: ImageLayout): ImageBasis {
  const { channels, height, width, channelsLast } = layout;
  const pixels = height * width;
  const pixelsOf = (channel: number) => (at: number) =>
    x[
      channelsLast
        ? at * channels + channel
        : Math.floor(at / pixels) * channels * pixels + channel * pixels + (at % pixels)
    ]!;
  const count = x.length / channels;
  const readers = Array.from({ length: channels }, (_, channel) => pixelsOf(channel));
  const mix = symmetricEigen(covariance(readers, count), channels).vectors;
  return { kind: 'image', channels, height, width, channelsLast, mix: [...mix] };
}

function vectorBasis(x: Float32Array, n: number, features: number): VectorBasis {
  const readers = Array.from({ length: features }, (_, i) => (row: number) => x[row * features + i]!);
  const means = readers.map((read) => average(read, n));
  const { values, vectors } = symmetricEigen(covariance(readers, n), features);
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
  const sorted = Array.from({ length: features * features }, (_, at) =>
    Number(vectors[Math.floor(at / features) * features + order[at % features]!]!.toPrecision(9)),
  );
  return { kind: 'vector', mean: means, vectors: sorted };
}

function average(read: (at: number) => number, count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += read(at);
  return sum / count;
}

function covariance(readers: readonly ((at: number) => number)[], count: number): Float64Array {
  const d = readers.length;
  const columns = readers.map((read) => {
    const mean = average(read, count);
    return Float64Array.from({ length: count }, (_, at) => read(at) - mean);
  });
  const out = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      const [a, b] = [columns[i]!, columns[j]!];
      let sum = 0;
      for (let at = 0; at < count; at++) sum += a[at]! * b[at]!;
      out[i * d + j] = out[j * d + i] = sum / count;
    }
  }
  return out;
}
