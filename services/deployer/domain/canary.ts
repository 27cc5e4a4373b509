import type { Proportion } from '#contracts';

/** Labelled rows of the candidate since the step began. */
export interface CanaryCounts {
  labelled: number;
  correct: number;
}

export const NO_COUNTS: CanaryCounts = { labelled: 0, correct: 0 };

/** Where the policy asks for no labels, fewer than these say nothing against a candidate. */
const FEWEST_JUDGED = 10;
const Z_95 = 1.959963984540054;

/** The candidate's accuracy with its 95 % interval (Wilson 1927); null without labels. */
export function accuracyOf({ labelled: n, correct }: CanaryCounts): Proportion | null {
  if (n === 0) return null;
  const value = correct / n;
  const centre = value + Z_95 ** 2 / (2 * n);
  const half = Z_95 * Math.sqrt((value * (1 - value)) / n + Z_95 ** 2 / (4 * n * n));
  const scale = 1 + Z_95 ** 2 / n;
  return {
    value,
    low: Math.max(0, Math.min(value, (centre - half) / scale)),
    high: Math.min(1, Math.max(value, (centre + half) / scale)),
    n,
  };
}

/** Why the candidate must go, if it must: even the upper end of its interval is below what was promised. */
export function objection(counts: CanaryCounts, minimumAccuracy: number, minimumLabelled: number): string | undefined {
  const accuracy = accuracyOf(counts);
  if (!accuracy || accuracy.n < (minimumLabelled || FEWEST_JUDGED)) return undefined;
  if (accuracy.high >= minimumAccuracy) return undefined;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `accuracy ${percent(accuracy.value)} (at most ${percent(accuracy.high)}) of ${accuracy.n} labelled rows is below ${percent(minimumAccuracy)}`;
}
