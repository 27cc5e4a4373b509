import { caused, type Caused, type Protection } from './context.js';
import { own } from './own.js';
import { declaredSignals, openRevision } from './signals.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';

/** Fewer values of a signal say nothing about its mean in a block. */
const FEWEST = 10;

/** Standard errors that a quiet mean may lie above what is tolerated: 200 rows that are just tolerable are called loud once in 40 times. */
const SAMPLING_ERROR = 2;

/** After a whole block of rows in which no signal's mean lies clearly above its tolerance the anomaly is over. */
export function trackQuiet(
  model: ModelState,
  revision: string,
  state: RevisionState,
  values: ReadonlyMap<string, number>,
  { protection, time }: { protection: Protection; time: string },
): { state: RevisionState; events: Caused[] } {
  const anomaly = state.anomaly!;
  const block = { ...anomaly.quiet };
  for (const [name, x] of values) {
    const { n, sum } = own(block, name) ?? { n: 0, sum: 0 };
    block[name] = { n: n + 1, sum: sum + x };
  }
  const goOn = (quiet: OpenAnomaly['quiet']) => ({ state: { ...state, anomaly: { ...anomaly, quiet } }, events: [] });
  const limit = quietSums(protection, revision);
  const { quietAfter } = protection.detection;
  // A block that cannot become quiet any more ends at once, so that the next one begins when the change is over.
  const isLoud = ([name, { n, sum }]: [string, { n: number; sum: number }]) =>
    n >= FEWEST && sum > (limit.get(name)?.(Math.max(n, quietAfter)) ?? Infinity);
  if (Object.entries(block).some(isLoud)) return goOn({});
  if (Math.max(...Object.values(block).map(({ n }) => n)) < quietAfter) return goOn(block);

  // Silence is no quiet: a signal that raised the anomaly has to be heard again, e.g. labels that stopped coming.
  const unheard = anomaly.loud.some((name) => limit.has(name) && (own(block, name)?.n ?? 0) < FEWEST);
  if (unheard) return goOn(block);
  return {
    state: openRevision(protection, revision, time, state),
    events: closingEvents(model, revision, anomaly, 'quiet', time),
  };
}

/**
 * Largest sum of n quiet values of each signal by the policy of today, which may have become more tolerant because of this very anomaly.
 * A plain rule means its number; what a detector compares with is the mean of a random signal.
 */
function quietSums(protection: Protection, revision: string): Map<string, (n: number) => number> {
  const limits = new Map<string, (n: number) => number>();
  for (const [signal, tolerance] of declaredSignals(protection, revision)) {
    limits.set(signal, (n) => n * tolerance + SAMPLING_ERROR * Math.sqrt(n * tolerance * (1 - tolerance)));
  }
  for (const { signal, above } of protection.detection.thresholds) {
    const other = limits.get(signal);
    limits.set(signal, (n) => Math.min(n * above, other?.(n) ?? Infinity));
  }
  return limits;
}

export function closingEvents(
  { namespace, model }: ModelState,
  revision: string,
  { id, verdict }: OpenAnomaly,
  reason: 'quiet' | 'revision-gone',
  time: string,
): Caused[] {
  const of = { namespace, model, revision, anomalyId: id };
  const closed = caused('anomaly.closed', `closed/${id}`, { ...of, closedAt: time, reason, verdict }, id);
  // An attack on a revision that is gone has lost its target: nobody saw it end.
  return verdict === 'attack' && reason === 'quiet'
    ? [closed, caused('attack.subsided', `subsided/${id}`, { ...of, at: time }, id)]
    : [closed];
}
