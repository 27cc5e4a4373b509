import type { PairT } from '../aim/rows.js';
import { memberScore, swapScore } from '../aim/swap-score.js';

/**
 * One statistic T of n rows in random order, each against itself and its neighbours a few places away, around the end. All n x n values would
 * say hardly more and cost far more.
 */
export interface PairTable {
  /** T(i <- r_i). */
  own: Float64Array;
  /** [s - 1][i]: T(i <- r_{i + s}). */
  ahead: Float64Array[];
  /** [s - 1][i]: T(i <- r_{i - s}). */
  behind: Float64Array[];
}

/** Neighbours on either side: for bounds, and for choosing (q, p). */
export const SHIFTS = 8;
export const SCREENING_SHIFTS = 4;
/** 95 % one-sided. */
const Z_95 = 1.64;

export const openTable = (n: number, shifts: number): PairTable => ({
  own: new Float64Array(n),
  ahead: Array.from({ length: shifts }, () => new Float64Array(n)),
  behind: Array.from({ length: shifts }, () => new Float64Array(n)),
});

/** Neighbour of row i, `shift` places on (or back, if negative). */
export const neighbour = (i: number, shift: number, n: number): number => (i + shift + n) % n;

/** The pair of row i and its neighbour s places on. */
export function pairAt({ own, ahead, behind }: PairTable, i: number, s: number): PairT {
  const j = neighbour(i, s, own.length);
  return [own[i]!, ahead[s - 1]![i]!, own[j]!, behind[s - 1]![j]!];
}

export interface Estimate {
  mean: number;
  /** Upper 95 % confidence bound of the mean. */
  upper: number;
}

/** Mean of `score` over all pairs; `independent`: how many requests one score stands on. */
function estimate({ own, ahead }: PairTable, independent: number, score: (i: number, s: number) => number): Estimate {
  const [n, shifts] = [own.length, ahead.length];
  const means = Float64Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let s = 1; s <= shifts; s++) sum += score(i, s);
    return sum / shifts;
  });
  const mean = means.reduce((sum, value) => sum + value, 0) / n;
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
  return { mean, upper: mean + Z_95 * Math.sqrt((variance * independent) / n) };
}

export const pairMean = (table: PairTable): Estimate => estimate(table, 2, (i, s) => swapScore(pairAt(table, i, s)));

/** Mean score of one labelled member against single partners; that of a larger group is the mean of such. */
export const memberMean = (table: PairTable): Estimate =>
  estimate(table, 1, (i, s) => memberScore(table.own[i]!, table.ahead[s - 1]![i]!));

/** Share of the pairs for which `event` holds. */
export function pairRate(table: PairTable, event: (pair: PairT) => boolean): number {
  const [n, shifts] = [table.own.length, table.ahead.length];
  let count = 0;
  for (let i = 0; i < n; i++) for (let s = 1; s <= shifts; s++) if (event(pairAt(table, i, s))) count++;
  return count / (n * shifts);
}
