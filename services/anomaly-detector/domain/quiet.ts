import { caused, type Caused, type Protection } from './context.js';
import { own } from './own.js';
import { declaredSignals, openRevision } from './signals.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';

/** Fewer values of a signal say nothing about its mean in a block. */
const FEWEST = 10;

/** After a whole block of rows in which every signal's mean lies within its tolerance the anomaly is over. */
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
  if (Math.max(...Object.values(block).map(({ n }) => n)) < protection.detection.quietAfter) return goOn(block);

  const limits = limitsOf(protection, revision);
  const isLoud = ([name, { n, sum }]: [string, { n: number; sum: number }]) =>
    n >= FEWEST && sum / n > (limits.get(name) ?? 1);
  if (Object.entries(block).some(isLoud)) return goOn({});
  // Silence is no quiet: a signal that raised the anomaly has to be heard again, e.g. labels that stopped coming.
  const unheard = anomaly.loud.some((name) => limits.has(name) && (own(block, name)?.n ?? 0) < FEWEST);
  if (unheard) return goOn(block);
  return {
    state: openRevision(protection, revision, time, state),
    events: closingEvents(model, revision, anomaly, 'quiet', time),
  };
}

/** Highest quiet mean of each signal by the policy of today, which may have become more tolerant because of this very anomaly. */
function limitsOf(protection: Protection, revision: string): Map<string, number> {
  const limits = declaredSignals(protection, revision);
  for (const { signal, above } of protection.detection.thresholds) {
    limits.set(signal, Math.min(above, limits.get(signal) ?? 1));
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
