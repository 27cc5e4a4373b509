import { describe, expect, it } from '@jest/globals';

import { normal, random, shuffled } from './random.js';

const draw = (n: number, next: () => number) => Array.from({ length: n }, next);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('random', () => {
  it('goes on from a kept state as if it had never stopped', () => {
    const first = random(7);
    draw(100, first.next);
    const kept = JSON.parse(JSON.stringify(first.state())) as ReturnType<typeof first.state>;
    expect(draw(50, random(kept).next)).toEqual(draw(50, first.next));
  });

  it('gives other numbers for other seeds, also neighbours', () => {
    const starts = Array.from({ length: 100 }, (_, seed) => random(seed).next());
    expect(new Set(starts).size).toBe(100);
    expect(mean(starts)).toBeCloseTo(0.5, 0);
  });

  it('is uniform: moments, serial correlation and a chi-square of 64 bins', () => {
    const values = draw(64_000, random(3).next);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1 / 3, 2);
    expect(mean(values.slice(1).map((value, i) => (value - 0.5) * (values[i]! - 0.5)))).toBeCloseTo(0, 2);
    const bins = new Array<number>(64).fill(0);
    for (const value of values) bins[Math.floor(value * 64)]!++;
    const chiSquare = bins.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeGreaterThan(30); // 63 degrees of freedom: 0.01 % and 99.99 %
    expect(chiSquare).toBeLessThan(113);
  });

  it('makes standard normals', () => {
    const source = random(5);
    const values = draw(50_000, () => normal(source));
    expect(mean(values)).toBeCloseTo(0, 1);
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(mean(values.map((value) => value ** 4))).toBeGreaterThan(2.7);
    expect(mean(values.map((value) => value ** 4))).toBeLessThan(3.3);
  });

  it('shuffles to every place alike', () => {
    const source = random(1);
    const places = new Array<number>(5).fill(0);
    for (let i = 0; i < 5000; i++) {
      const order = shuffled(5, source);
      expect([...order].sort()).toEqual([0, 1, 2, 3, 4]);
      places[order.indexOf(0)]!++;
    }
    for (const count of places) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});
