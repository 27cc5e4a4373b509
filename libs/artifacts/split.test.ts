import { createHash } from 'node:crypto';

import { describe, expect, it } from '@jest/globals';

import { type Dataset, pickRows, splitByHash } from './index.js';

const features = 3;
const dataset = (values: readonly number[]): Dataset => ({
  x: Float32Array.from(values.flatMap((value) => [value, value * 2, 1])),
  y: Int32Array.from(values, (value) => value % 4),
  n: values.length,
  dims: [features],
  classes: 4,
});
const values = Array.from({ length: 4000 }, (_, i) => i);
const valuesOf = (part: Dataset) => Array.from({ length: part.n }, (_, row) => part.x[row * features]!);

describe('splitByHash', () => {
  const parts = splitByHash(dataset(values), { training: 0.7, certificate: 0.1 });

  it('makes disjoint parts of the declared shares that keep rows and labels together', () => {
    const [training, certificate] = [valuesOf(parts.training), valuesOf(parts.certificate)];
    expect(new Set([...training, ...certificate]).size).toBe(training.length + certificate.length);
    expect(training.length / values.length).toBeCloseTo(0.7, 1);
    expect(certificate.length / values.length).toBeCloseTo(0.1, 1);
    expect([...parts.training.y]).toEqual(training.map((value) => value % 4));
  });

  it('decides by the SHA-256 of the row alone', () => {
    for (const value of values.slice(0, 50)) {
      const row = new Uint8Array(Float32Array.of(value, value * 2, 1).buffer);
      const fraction = parseInt(createHash('sha256').update(row).digest('hex').slice(0, 12), 16) / 2 ** 48;
      expect(valuesOf(parts.training).includes(value)).toBe(fraction < 0.7);
    }
  });

  it('keeps rows in their part, in the same order, whatever the file looks like', () => {
    const shuffled = splitByHash(dataset([...values.slice(1000).reverse()]), { training: 0.7, certificate: 0.1 });
    expect(valuesOf(shuffled.training)).toEqual(valuesOf(parts.training).filter((value) => value >= 1000));
  });

  it('puts equal rows into one part', () => {
    const twice = splitByHash(dataset([...values, ...values]), { a: 0.5, b: 0.5 });
    const inB = new Set(valuesOf(twice.b));
    expect(valuesOf(twice.a).filter((value) => inB.has(value))).toEqual([]);
    expect(twice.a.n + twice.b.n).toBe(2 * values.length);
  });

  it('refuses shares that cannot be', () => {
    expect(() => splitByHash(dataset(values), { a: 0.8, b: 0.3 })).toThrow(/more than 1/);
    expect(() => splitByHash(dataset(values), { a: 0 })).toThrow(/above 0/);
  });
});

describe('pickRows', () => {
  it('takes rows in the order asked for', () => {
    expect(valuesOf(pickRows(dataset([5, 6, 7]), [2, 0]))).toEqual([7, 5]);
  });
});
