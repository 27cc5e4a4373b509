import { describe, expect, it } from '@jest/globals';
import { wilson, wilsonUpper } from './proportion.js';
import { seeded } from './randomness.js';

describe('wilson', () => {
  it.each([
    // R: prop.test(x, n, correct = FALSE)$conf.int
    [0, 10, 0, 0.2775],
    [5, 10, 0.2366, 0.7634],
    [10, 10, 0.7225, 1],
    [81, 100, 0.7222, 0.8749],
    // Newcombe (1998), table I, method 3
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('%d of %d: from %d to %d', (successes, n, low, high) => {
    const interval = wilson(successes, n);
    expect(interval.value).toBe(successes / n);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('says that nothing is known from nothing', () => {
    expect(wilson(0, 0)).toEqual({ value: 0, low: 0, high: 1, n: 0 });
  });

  it('covers the truth about 95 times in 100', () => {
    const uniform = seeded(11);
    for (const truth of [0.1, 0.5, 0.9]) {
      let covered = 0;
      for (let trial = 0; trial < 2000; trial++) {
        let successes = 0;
        for (let i = 0; i < 60; i++) if (uniform() < truth) successes++;
        const { low, high } = wilson(successes, 60);
        if (low <= truth && truth <= high) covered++;
      }
      expect(covered / 2000).toBeGreaterThan(0.92);
      expect(covered / 2000).toBeLessThan(0.98);
    }
  });
});

describe('Wilson’s upper bound', () => {
  it('solves the score equation', () => {
    const [rate, n, z] = [0.1, 150, 1.64];
    const p = wilsonUpper(rate, n, z);
    expect((p - rate) / Math.sqrt((p * (1 - p)) / n)).toBeCloseTo(z, 8);
  });
});
