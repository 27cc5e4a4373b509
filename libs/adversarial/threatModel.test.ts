import { describe, expect, it } from '@jest/globals';

import { random } from './random.js';
import { checkThreat, distance, largestPerturbation, startAt, unitBallNoise } from './threatModel.js';

const features = 6;

describe('unitBallNoise', () => {
  it.each(['linf', 'l2'] as const)('fills the %s ball evenly', (norm) => {
    const rows = 4000;
    const noise = unitBallNoise(norm, rows, features, random(2));
    const centre = new Float32Array(features);
    const sizes = Array.from({ length: rows }, (_, row) =>
      distance(norm, noise.subarray(row * features, (row + 1) * features), centre),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1 + 1e-6);
    // The ball of half the volume has this radius.
    const half = 0.5 ** (1 / features);
    expect(sizes.filter((size) => size < half).length / rows).toBeCloseTo(0.5, 1);
    for (let i = 0; i < features; i++) {
      const values = sizes.map((_, row) => noise[row * features + i]!);
      expect(values.reduce((sum, value) => sum + value, 0) / rows).toBeCloseTo(0, 1);
    }
  });
});

describe('startAt', () => {
  it('goes epsilon times the noise away, but not out of the range', () => {
    const start = startAt(Float32Array.of(0.5, 0.5, 0, 1), Float32Array.of(1, -1, -1, 1), {
      norm: 'linf',
      epsilon: 0.25,
      range: [0, 1],
    });
    expect(start).toEqual(Float32Array.of(0.75, 0.25, 0, 1));
  });
});

describe('distances', () => {
  const [a, b] = [Float32Array.of(0, 0, 3, 4), Float32Array.of(0, 1, 0, 0)];
  it('are the norms of the difference, row by row', () => {
    expect(distance('l2', a, b)).toBeCloseTo(Math.sqrt(26), 6);
    expect(distance('linf', a, b)).toBe(4);
    expect(largestPerturbation('l2', a, b, 2)).toBe(5);
    expect(largestPerturbation('linf', a, b, 2)).toBe(4);
  });
});

describe('checkThreat', () => {
  const good = { norm: 'linf', epsilon: 0.1, range: [0, 1] } as const;
  it.each([
    ['threat.epsilon', { ...good, epsilon: -0.1 }],
    ['threat.epsilon', { ...good, epsilon: NaN }],
    ['threat.range', { ...good, range: [1, 0] as const }],
    ['threat.range', { ...good, range: [0, Infinity] as const }],
    ['threat.norm', { ...good, norm: 'l1' as 'l2' }],
  ])('refuses a bad %s', (field, threat) => {
    expect(() => checkThreat(threat)).toThrow(expect.objectContaining({ field }));
    expect(() => checkThreat(good)).not.toThrow();
  });
});
