/** A share of `n` with `k` hits: bounds on the true rate behind it, and what a detector should tolerate. */

/** One-sided upper confidence bound of Clopper and Pearson (1934): the largest rate p with P(Binomial(n, p) <= k) >= 1 - confidence. */
export function upperBound(k: number, n: number, confidence = 0.95): number {
  if (k >= n) return 1;
  let [low, high] = [k / n, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (binomialCdf(k, n, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** P(Binomial(n, p) <= k), summed from the largest term down in logarithms so that it does not underflow for large n. */
function binomialCdf(k: number, n: number, p: number): number {
  if (p <= 0) return 1;
  if (p >= 1) return k >= n ? 1 : 0;
  const odds = Math.log(p) - Math.log1p(-p);
  let log = n * Math.log1p(-p);
  const logs = [log];
  for (let i = 1; i <= k; i++) {
    log += Math.log((n - i + 1) / i) + odds;
    logs.push(log);
  }
  const largest = logs.reduce((max, value) => Math.max(max, value), -Infinity);
  return Math.exp(largest) * logs.reduce((sum, value) => sum + Math.exp(value - largest), 0);
}

/**
 * The tolerated rate m0 must lie above the true rate, or the budget is not kept: the upper bound covers the sampling error of the calibration,
 * the margin what calibration rows and traffic differ by, and bursts.
 */
export const errorTolerance = (errors: number, n: number): number =>
  atMost(Math.max(upperBound(errors, n), errors / n + 0.02));

export const flagTolerance = (flags: number, n: number): number =>
  atMost(Math.max(upperBound(flags, n), (2 * flags) / n));

/** A detector needs room above its tolerance. */
const atMost = (rate: number) => Math.min(0.95, rate);
