import { wilson } from '#change-detection';
import type { Proportion } from '#contracts';

/** Labelled rows of the candidate since the step began. */
export interface CanaryCounts {
  labelled: number;
  correct: number;
}

export const NO_COUNTS: CanaryCounts = { labelled: 0, correct: 0 };

/** Where the policy asks for no labels, fewer than these say nothing against a candidate. */
const FEWEST_JUDGED = 10;

/** The candidate's accuracy with its 95 % interval; null without labels. */
export const accuracyOf = ({ labelled, correct }: CanaryCounts): Proportion | null =>
  labelled === 0 ? null : wilson(correct, labelled);

/** Why the candidate must go, if it must: even the upper end of its interval is below what was promised. */
export function objection(counts: CanaryCounts, minimumAccuracy: number, minimumLabelled: number): string | undefined {
  const accuracy = accuracyOf(counts);
  if (!accuracy || accuracy.n < (minimumLabelled || FEWEST_JUDGED)) return undefined;
  if (accuracy.high >= minimumAccuracy) return undefined;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `accuracy ${percent(accuracy.value)} (at most ${percent(accuracy.high)}) of ${accuracy.n} labelled rows is below ${percent(minimumAccuracy)}`;
}
