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
  return {
    value,
    low: Math.max(0, Math.min(value, 1 - wilsonUpper(1 - value, n, Z_95))),
    high: Math.min(1, Math.max(value, wilsonUpper(value, n, Z_95))),
    n,
  };
}

/** Its upper end alone; z = 1.64 is 95 % one-sided. */
export function wilsonUpper(rate: number, n: number, z = 1.64): number {
  const z2 = z * z;
  return (rate + z2 / (2 * n) + z * Math.sqrt((rate * (1 - rate)) / n + z2 / (4 * n * n))) / (1 + z2 / n);
}
