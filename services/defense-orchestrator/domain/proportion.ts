import type { Proportion } from '#contracts';

const Z_95 = 1.959963984540054;

/** Wilson's score interval (1927), 95 %: right also near 0 and 1. null without rows. */
export function proportion(successes: number, n: number): Proportion | null {
  if (n === 0) return null;
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

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export const inWords = ({ value, low, high, n }: Proportion) =>
  `${percent(value)} [${percent(low)}, ${percent(high)}] of ${n}`;
