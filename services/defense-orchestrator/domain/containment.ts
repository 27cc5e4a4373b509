import type { EventData, ProtectedRevision } from '#contracts';
import type { Draft } from './draft.js';
import { gateInWords, stillHolds } from './gates.js';
import { ids } from './defense.js';
import { requestContainmentEvaluation } from './jobs.js';
import type { Anomaly } from './model.js';
import { inWords, proportion } from './proportion.js';

/**
 * A hardened model may leave the verdict no power, and attacks on it may go on for ever. As long as they do no harm they are
 * contained: said once, examined once, and watched.
 */
export const doesNoHarm = (anomaly: Anomaly) => !anomaly.errorAlarm && anomaly.belowGate === null;

export function contain(draft: Draft, anomaly: Anomaly, { revision, modelFile }: ProtectedRevision): void {
  anomaly.answer = 'contained';
  if (anomaly.containedAt) return;
  anomaly.containedAt = draft.now;
  const { anomalyId } = anomaly;
  const live = proportion(anomaly.live.correct, anomaly.live.labelled);
  const reason = live
    ? `the labelled error is within tolerance: live accuracy ${inWords(live)} labelled rows since the alarm`
    : 'no labels have come since the alarm; the certificate is all that speaks for this revision';
  const about = { ...draft.name, revision, anomalyId, at: draft.now, confirmed: live !== null, reason };
  draft.publish('defense.contained', `contained.${anomalyId}`, about, anomalyId);
  const { dataset } = draft.context;
  const justProved = draft.openDefense?.deployment?.revision === revision;
  if (modelFile && dataset && !justProved) requestContainmentEvaluation(draft, anomalyId, modelFile, dataset);
}

/** The serving model has been evaluated again. Gives the anomaly that is not contained any more, if any. */
export function containmentJudged(draft: Draft, evaluation: EventData<'evaluation.completed'>): Anomaly | null {
  const anomaly = Object.values(draft.model.anomalies).find(
    ({ anomalyId }) => ids.containmentEvaluation(anomalyId) === evaluation.jobId,
  );
  if (!anomaly || anomaly.belowGate) return null;
  const serving = draft.model.revisions.find(({ revision }) => revision === anomaly.revision);
  if (serving?.modelFile?.sha256 !== evaluation.candidate.sha256) return null;
  const gate = stillHolds(evaluation.candidate, draft.spec.threatModel, draft.spec.gates);
  if (gate.passed) return null;
  anomaly.belowGate = `the serving revision no longer holds what the policy asks; ${gateInWords(gate)}`;
  return anomaly;
}
