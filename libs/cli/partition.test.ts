import { describe, expect, it } from '@jest/globals';

import { type Dataset, splitByHash } from '#artifacts';

import { partition, sample } from './partition.js';

/** Rows 0 .. n-1, each written `copies` times. */
function numbered(n: number, copies = 1): Dataset {
  const x = Float32Array.from({ length: n * copies * 2 }, (_, i) => Math.floor(i / (2 * copies)) + (i % 2) * 0.5);
  return { x, y: Int32Array.from({ length: n * copies }, (_, i) => i % 3), n: n * copies, dims: [2], classes: 3 };
}
const rows = ({ x, n }: Dataset) => Array.from({ length: n }, (_, row) => x[2 * row]!);
const ascending = (values: number[]) => [...values].sort((a, b) => a - b);

describe('partition', () => {
  it('gives every row to one part, in the shares asked for', () => {
    const { training, test } = partition(numbered(200), { training: 0.9, test: 0.1 });
    expect([training.n, test.n]).toEqual([180, 20]);
    expect(ascending([...rows(training), ...rows(test)])).toEqual(rows(numbered(200)));
    expect(training.y.length).toBe(180);
  });

  it('keeps equal rows together', () => {
    const { training, test } = partition(numbered(40, 5), { training: 0.53, test: 0.47 });
    expect(rows(training).filter((row) => rows(test).includes(row))).toEqual([]);
    expect(training.n + test.n).toBe(200);
  });

  it('also splits what is one part of a split by hash', () => {
    const { first } = splitByHash(numbered(400), { first: 0.5, second: 0.5 });
    const { training, test } = partition(first, { training: 0.8, test: 0.2 });
    expect(test.n).toBe(first.n - training.n);
    expect(test.n / first.n).toBeCloseTo(0.2, 2);
  });

  it('does not depend on the order of the file', () => {
    const data = numbered(100);
    const reversed = {
      ...data,
      x: Float32Array.from(
        rows(data)
          .reverse()
          .flatMap((row) => [row, row + 0.5]),
      ),
    };
    expect(rows(sample(reversed, 10))).toEqual(rows(sample(data, 10)));
    expect(sample(data, 1000)).toBe(data);
  });
});
