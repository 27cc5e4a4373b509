import { describe, expect, it } from '@jest/globals';

import { readDataset, writeNpz } from '#artifacts';

import { digitImages, digitParts, digits } from './digits.js';

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
    const rows = parts.flatMap((part) =>
      Array.from({ length: part.n }, (_, row) =>
        Buffer.from(part.x.slice(row * 784, (row + 1) * 784).buffer).toString('base64'),
      ),
    );
    expect(rows.length).toBe(all.n);
    const owners = new Map<string, number>();
    let at = 0;
    parts.forEach((part, index) => {
      for (let row = 0; row < part.n; row++, at++) {
        expect(owners.get(rows[at]!) ?? index).toBe(index);
        owners.set(rows[at]!, index);
      }
      expect(new Set(part.y).size).toBe(10);
    });
  });
});
