/** Revision to percent of the traffic; the shares add up to 100. */
export type TrafficSplit = Readonly<Record<string, number>>;

/** What is wrong with a split over these revisions, if anything. */
export function splitProblem(split: unknown, ready: readonly string[]): string | undefined {
  if (typeof split !== 'object' || split === null || Array.isArray(split)) return 'must be {revision: percent}';
  let sum = 0;
  for (const [revision, percent] of Object.entries(split)) {
    if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100))
      return `${revision} must get 0 to 100 percent`;
    if (percent > 0 && !ready.includes(revision)) return `${revision} is not ready`;
    sum += percent;
  }
  return Math.abs(sum - 100) < 1e-9 ? undefined : `the shares add up to ${sum}, not 100`;
}

/** The revision that serves a request; `at` is uniform in [0, 1). */
export function pickRevision(split: TrafficSplit, at: number): string | undefined {
  let rest = at * 100;
  const shares = Object.entries(split).filter(([, percent]) => percent > 0);
  for (const [revision, percent] of shares) {
    if (rest < percent) return revision;
    rest -= percent;
  }
  return shares.at(-1)?.[0];
}
