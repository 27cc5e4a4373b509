/** A share of n rows with its 95 % confidence interval. */
export interface Proportion {
  value: number;
  low: number;
  high: number;
  n: number;
}

const Z_95 = 1.959963984540054;

/** Wilson's score interval (1927): right also near 0 and 1, where robust accuracies often lie. */
export function wilson(successes: number, n: number): Proportion {
  if (n === 0) return { value: 0, low: 0, high: 1, n };
  const value = successes / n;
  const z2 = Z_95 ** 2;
  const centre = (value + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z_95 * Math.sqrt((value * (1 - value)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
  return {
    value,
    low: Math.max(0, Math.min(value, centre - half)),
    high: Math.min(1, Math.max(value, centre + half)),
    n,
  };
}
