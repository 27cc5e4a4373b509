import type { MemberStatistics, PairStatistics, PairT } from './rows.js';

/** Keeps the ratio of two tiny numbers near 0. */
const FLOOR = 2e-5;

const ratio = (own: number, others: number) => (own - others) / (Math.abs(own) + Math.abs(others) + FLOOR);
const clip = (value: number) => Math.max(-1, Math.min(1, value));

/** Exchanging the two residuals changes its sign. */
export const swapSum = ([ii, ij, jj, ji]: PairT): number => ratio(ii, ij) + ratio(jj, ji);

/** Z in [0, 1]; exchanging the residuals turns it into 1 - Z, so its mean is 1/2 if they are exchangeable given the low parts. */
export const swapScore = (pair: PairT): number => 0.5 + clip(swapSum(pair)) / 2;

/** Z of one labelled member against one partner. */
export const memberScore = (own: number, partner: number): number => 0.5 + ratio(own, partner) / 2;

/** The two strong events: the sum of `maxabs` exceeds these. */
export const EVENTS = [0.6, 1] as const;

export const strongEvents = ({ maxabs }: PairStatistics): boolean[] => EVENTS.map((limit) => swapSum(maxabs) > limit);

/** Rows of the members whose label came; null for the others, which serve as partners only. */
export interface GroupStatistics {
  near: (number[] | null)[];
  max: (number[] | null)[];
}

export const groupOf = (members: readonly (MemberStatistics | null)[]): GroupStatistics => ({
  near: members.map((member) => member?.near ?? null),
  max: members.map((member) => member?.max ?? null),
});

/**
 * Z of a group; null without any label. Pairs: the clipped sum over the labelled members. Larger groups: the mean over them, without a clip,
 * which would break the symmetry. Both have mean 1/2 if the residuals of the group are exchangeable.
 */
export function groupScore(rows: readonly (readonly number[] | null)[]): number | null {
  const size = rows.length;
  const sums = rows.flatMap((row, i) => {
    if (!row) return [];
    const ratios = row.map((t, j) => (j === i ? 0 : ratio(row[i]!, t)));
    return [ratios.reduce((sum, value) => sum + value, 0) / (size - 1)];
  });
  if (sums.length === 0) return null;
  const sum = sums.reduce((total, value) => total + value, 0);
  return 0.5 + (size === 2 ? clip(sum) : sum / sums.length) / 2;
}
