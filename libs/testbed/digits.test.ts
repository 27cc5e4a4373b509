import { describe, expect, it } from '@jest/globals';

import { type Dataset, readDataset, sha256, writeNpz } from '#artifacts';

import { digitImages, digitParts, digits } from './digits.js';

const rowBytes = ({ x }: Dataset, row: number) => new Uint8Array(x.buffer, row * 784 * 4, 784 * 4);

describe('digits', () => {
  const all = digits();

  it('are about 10,000 images of ten classes', () => {
    expect(all.n).toBeGreaterThan(9_900);
    expect(new Set(all.y).size).toBe(10);
    expect(all.x.length).toBe(all.n * 784);
    expect(Math.max(...all.x.subarray(0, 784))).toBeGreaterThan(0.9);
  });

  it('mean the same read from the trusted file as taken from the package', () => {
    const { pixels, labels, n } = digitImages();
    const file = writeNpz({ x: { shape: [n, 1, 28, 28], data: pixels }, y: { shape: [n], data: labels } });
    const read = readDataset(file, 'digits.npz', { range: [0, 1], dims: [1, 28, 28], classes: 10 });
    expect(Buffer.compare(Buffer.from(read.x.buffer), Buffer.from(all.x.buffer))).toBe(0);
    expect(read.y).toEqual(all.y);
  });

  it('come in disjoint parts, each with every class', () => {
    const parts = Object.values(digitParts());
    const rowsOf = (part: Dataset) => Array.from({ length: part.n }, (_, row) => sha256(rowBytes(part, row)));
    const rows = parts.map((part) => new Set(rowsOf(part)));
    expect(parts.reduce((sum, part) => sum + part.n, 0)).toBe(all.n);
    expect(new Set(rows.flatMap((part) => [...part])).size).toBe(rows.reduce((sum, part) => sum + part.size, 0));
    for (const part of parts) expect(new Set(part.y).size).toBe(10);
  });
});
