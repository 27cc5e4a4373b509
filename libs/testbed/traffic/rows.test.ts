import { describe, expect, it } from '@jest/globals';
import { blur, brightness, driftedRows, noise } from './drift.js';
import { shuffledRows, someChanged } from './rows.js';

const n = 50;
const data = {
  x: Float32Array.from({ length: n * 4 }, (_, i) => (i % 5) / 4),
  y: Int32Array.from({ length: n }, (_, i) => i % 3),
  n,
  dims: [1, 2, 2],
  classes: 3,
};
const take = <T>(count: number, next: () => T) => Array.from({ length: count }, next);
const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('shuffledRows', () => {
  it('gives every row once, then every row once in another order', () => {
    const source = shuffledRows(data, 7);
    const rounds = [take(n, () => source.next()), take(n, () => source.next())];
    const indices = rounds.map((rows) => rows.map(({ index }) => index));
    for (const round of indices)
      expect([...round].sort((a, b) => a - b)).toEqual(
        take(
          n,
          (
            (i) => () =>
              i++
          )(0),
        ),
      );
    expect(indices[0]).not.toEqual(indices[1]);
    const { index, x, label } = rounds[1]![3]!;
    expect([x, label]).toEqual([data.x.subarray(index * 4, index * 4 + 4), data.y[index]]);
  });

  it('repeats with its seed', () => {
    const order = (seed: number) => {
      const source = shuffledRows(data, seed);
      return take(2 * n, () => source.next().index);
    };
    expect(order(1)).toEqual(order(1));
    expect(order(1)).not.toEqual(order(2));
  });
});

it('someChanged changes about the asked share, and the same rows every time', () => {
  const kinds = () => {
    const source = someChanged(shuffledRows(data, 1), { fraction: 0.3, seed: 5 }, (row) => ({
      ...row,
      kind: 'attack',
    }));
    return take(2000, () => source.next().kind);
  };
  const changed = kinds().filter((kind) => kind === 'attack').length;
  expect(changed).toBeGreaterThan(500); // 600 expected, standard deviation 20
  expect(changed).toBeLessThan(700);
  expect(kinds()).toEqual(kinds());
});

describe('drift', () => {
  const flat = new Float32Array(10_000).fill(0.5);

  it('noise has the asked deviation, and stays in the range', () => {
    const source = driftedRows({ next: () => ({ index: 0, x: flat, label: 0, kind: 'clean' }) }, noise(0.1, [0, 1]), {
      seed: 1,
    });
    const { x, kind } = source.next();
    expect(kind).toBe('drift');
    expect(mean(x)).toBeCloseTo(0.5, 2);
    expect(Math.sqrt(mean(x.map((v) => (v - 0.5) ** 2)))).toBeCloseTo(0.1, 2);
    expect(x).not.toEqual(source.next().x); // fresh noise for each row
    const wide = noise(3, [0, 1])(flat, { next: () => 0.999, state: () => [0, 0, 0, 0] });
    expect([Math.min(...wide) >= 0, Math.max(...wide) <= 1]).toEqual([true, true]);
  });

  it('brightness shifts, up to the edge of the range', () => {
    const shifted = brightness(0.3, [0, 1])(Float32Array.of(0, 0.5, 0.9), { next: () => 0, state: () => [0, 0, 0, 0] });
    expect(Array.from(shifted)).toEqual([0.3, 0.8, 1].map(Math.fround));
  });

  it('blur keeps flat images, spreads a point symmetrically, and mixes no channels', () => {
    const idle = { next: () => 0, state: () => [0, 0, 0, 0] as const };
    const dims = [2, 5, 7];
    const even = new Float32Array(70).fill(0.25);
    blur(1, dims)(even, idle).forEach((value) => expect(value).toBeCloseTo(0.25, 6));
    const point = new Float32Array(70);
    point[2 * 7 + 3] = 1; // middle of the first channel
    const spread = blur(0.8, dims)(point, idle);
    expect(spread.slice(0, 35).reduce((a, b) => a + b)).toBeCloseTo(1, 1);
    expect(spread[2 * 7 + 2]).toBeCloseTo(spread[2 * 7 + 4]!, 6);
    expect(spread[1 * 7 + 3]).toBeCloseTo(spread[2 * 7 + 2]!, 6);
    expect(spread[2 * 7 + 2]! / spread[2 * 7 + 3]!).toBeCloseTo(Math.exp(-1 / (2 * 0.8 ** 2)), 5);
    expect(spread.slice(35).every((value) => value === 0)).toBe(true);
    expect(() => blur(1, dims)(flat, idle)).toThrow(/70 values/);
  });
});
