/**
 * Test supermartingales: while the null holds, the value stays below 1/alpha for ever with probability >= 1 - alpha (Ville), whenever one looks.
 * Each is the mean of a few bets; a state holds the logarithm of each bet's value, 0 at the start.
 */
export type LogBets = number[];

/** Bet sizes against a bounded mean, as shares of the largest that cannot go bankrupt. */
const SIZES = [0.05, 0.15, 0.35, 0.6, 0.85];
/** Alternatives to a small rate p0, as multiples of it. */
const MULTIPLES = [1.5, 2.2, 3.5, 6, 10];
const LARGEST_ALTERNATIVE = 0.9;
/** From here on the multiples would meet the largest alternative: bet on the mean instead. */
const RARE_BELOW = 0.4;
/** Keeps logarithms finite. */
const TINY = 1e-9;

export const openBets = (): LogBets => SIZES.map(() => 0);

/** Logarithm of the mean of the bets. */
export function logValue(bets: LogBets): number {
  const largest = bets.reduce((max, log) => Math.max(max, log), -Infinity);
  return largest + Math.log(bets.reduce((sum, log) => sum + Math.exp(log - largest), 0) / bets.length);
}

const multiplied = (bets: LogBets, factor: (k: number) => number): LogBets =>
  bets.map((log, k) => log + Math.log(Math.max(TINY, factor(k))));

/** Null: E[z | past] <= m0, z in [0, 1]. */
export const againstMeanAtMost = (bets: LogBets, m0: number, z: number): LogBets =>
  multiplied(bets, (k) => 1 + (SIZES[k]! / m0) * (z - m0));

/** Null: E[z | past] >= m1. */
export const againstMeanAtLeast = (bets: LogBets, m1: number, z: number): LogBets =>
  multiplied(bets, (k) => 1 + (SIZES[k]! / (1 - m1)) * (m1 - z));

/** Null: P(event | past) <= p0. Each bet is the likelihood ratio of a larger rate. */
export function againstRateAtMost(bets: LogBets, p0: number, event: boolean): LogBets {
  const x = event ? 1 : 0;
  if (p0 >= RARE_BELOW) return againstMeanAtMost(bets, p0, x);
  return multiplied(bets, (k) => {
    const p = Math.min(LARGEST_ALTERNATIVE, MULTIPLES[k]! * p0);
    return 1 + ((p - p0) / (p0 * (1 - p0))) * (x - p0);
  });
}
