import { describe, expect, it } from '@jest/globals';
import { fitSplit } from '../calibration/fit-split.js';
import { normal, seeded } from '../randomness.js';
import type { Basis } from './basis.js';
import { lowSet, quantile, splitRow, splitter } from './split.js';
import { symmetricEigen } from './symmetric-eigen.js';
import { prepareBasis } from './transform.js';

/** Rows of correlated features. */
function rowsOf(n: number, features: number, seed: number): Float32Array {
  const uniform = seeded(seed);
  const x = new Float32Array(n * features);
  for (let row = 0; row < n; row++) {
    let level = normal(uniform);
    for (let i = 0; i < features; i++) {
      level = 0.8 * level + normal(uniform);
      x[row * features + i] = Math.max(0, Math.min(1, 0.5 + 0.1 * level));
    }
  }
  return x;
}

const shapes: Record<string, number[]> = {
  'grey image': [1, 6, 5],
  'colour image': [3, 8, 7],
  'colour image, channels last': [8, 7, 3],
  series: [2, 9],
  table: [11],
};

describe.each(Object.entries(shapes))('basis of a %s', (_name, dims) => {
  const features = dims.reduce((product, size) => product * size, 1);
  const x = rowsOf(80, features, 5);
  const { basis, variance } = fitSplit(x, 80, { dims, classes: 2, range: [0, 1] })!;
  const prepared = prepareBasis(basis);
  const row = x.subarray(0, features);

  it('gives every row back', () => {
    const back = prepared.from(prepared.to(row)).map((value, i) => value + (prepared.mean?.[i] ?? 0));
    back.forEach((value, i) => expect(value).toBeCloseTo(row[i]!, 6));
  });

  it('is orthonormal', () => {
    const unit = (k: number) => prepared.from(Float64Array.from({ length: features }, (_, i) => (i === k ? 1 : 0)));
    const columns = Array.from({ length: features }, (_, k) => unit(k));
    columns.forEach((a, i) =>
      columns.slice(0, i + 1).forEach((b, j) => {
        const product = a.reduce((sum, value, at) => sum + value * b[at]!, 0);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 6);
      }),
    );
  });

  it('splits into parts that do not overlap', () => {
    const low = lowSet(variance, 0.3);
    const { lo, residual, coefficients } = splitRow(splitter(prepared, low, variance, 1), row);
    expect(Math.hypot(...residual)).toBeCloseTo(1, 5);
    prepared.to(lo).forEach((a, k) => expect(a).toBeCloseTo(low[k] ? coefficients[k]! : 0, 5));
    const share = low.reduce((sum, one) => sum + one, 0) / features;
    expect(Math.abs(share - 0.3)).toBeLessThanOrEqual(1.5 / features);
  });
});

it('treats both layouts of the same images alike', () => {
  const [n, channels, pixels] = [60, 3, 8 * 7];
  const first = rowsOf(n, channels * pixels, 9);
  const last = first.map((_value, at) => {
    const within = at % (channels * pixels);
    return first[at - within + (within % channels) * pixels + Math.floor(within / channels)]!;
  });
  const fit = (x: Float32Array, dims: number[]) => fitSplit(x, n, { dims, classes: 2, range: [0, 1] })!;
  const [a, b] = [fit(first, [3, 8, 7]), fit(last, [8, 7, 3])];
  a.variance.forEach((v, k) => expect(b.variance[k]!).toBeCloseTo(v, 7));
  const to = ({ basis }: { basis: Basis }, x: Float32Array) => prepareBasis(basis).to(x.subarray(0, channels * pixels));
  to(a, first).forEach((value, k) => expect(to(b, last)[k]!).toBeCloseTo(value, 6));
});

it('has no basis for very long vectors', () => {
  expect(fitSplit(new Float32Array(600), 1, { dims: [600], classes: 2, range: [0, 1] })).toBeNull();
});

it('finds the eigenvectors of a symmetric matrix', () => {
  const n = 12;
  const uniform = seeded(2);
  const m = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) m[i * n + j] = m[j * n + i] = normal(uniform);
  const { values, vectors } = symmetricEigen(m, n);
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += m[i * n + j]! * vectors[j * n + k]!;
      expect(sum).toBeCloseTo(values[k]! * vectors[i * n + k]!, 8);
    }
  }
});

it('interpolates quantiles as NumPy does', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([1, 2, 3, 4, 5], 0.9)).toBeCloseTo(4.6, 12);
});
