import { describe, expect, it } from '@jest/globals';
import { errorTolerance, flagTolerance, upperBound } from './tolerance.js';

describe('Clopper and Pearson’s upper bound', () => {
  // Quantiles of Beta(k + 1, n - k), e.g. SciPy's beta.ppf(.95, 26, 2475) for the second.
  it.each([
    [0, 10, 1 - 0.05 ** (1 / 10)],
    [25, 2500, 0.0139],
    [9, 10, 0.994884],
    [1, 2, 0.974679],
    [10, 10, 1],
  ])('%i of %i', (k, n, expected) => {
    expect(upperBound(k, n)).toBeCloseTo(expected, 4);
  });

  it('is where seeing so few hits has a chance of 5 %, also for large n', () => {
    const [k, n] = [300, 20_000];
    const p = upperBound(k, n);
    // Normal approximation with continuity correction, good to some 1e-3 here.
    const z = (k + 0.5 - n * p) / Math.sqrt(n * p * (1 - p));
    expect(z).toBeCloseTo(-1.645, 1);
  });
});

describe('tolerances', () => {
  it('add two points to an error rate, or the upper bound if that is more', () => {
    expect(errorTolerance(100, 5000)).toBeCloseTo(0.04, 10);
    expect(errorTolerance(2, 100)).toBeCloseTo(upperBound(2, 100), 10);
  });

  it('double the rate of a flag, or the upper bound if that is more', () => {
    expect(flagTolerance(50, 5000)).toBeCloseTo(0.02, 10);
    expect(flagTolerance(3, 300)).toBeCloseTo(upperBound(3, 300), 10);
  });

  it('leave a detector room', () => {
    expect(errorTolerance(99, 100)).toBeLessThan(1);
  });
});
