import { wilson } from '#change-detection';
import type { Proportion } from '#contracts';

/** Null without rows. */
export const proportion = (successes: number, n: number): Proportion | null => (n === 0 ? null : wilson(successes, n));

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export const inWords = ({ value, low, high, n }: Proportion) =>
  `${percent(value)} [${percent(low)}, ${percent(high)}] of ${n}`;
