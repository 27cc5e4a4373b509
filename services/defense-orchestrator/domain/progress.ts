import type { AccuracyWindow, EventData } from '#contracts';
import { certify } from './certificate.js';
import { noCounts, revisionName, type Defense } from './defense.js';
import { later, secondsBetween, type Draft } from './draft.js';
import { judge, robustAccuracy, verdictInWords } from './gates.js';
import { requestDeployment, requestJudgement } from './jobs.js';
import { count } from './live.js';
import { patienceSeconds } from './patience.js';
import { protectCandidate, protectOnly } from './protection.js';
import { moveTo } from './transition.js';
import { verify } from './verification.js';

/*
 * The steps of an open defense. Each is taken only if the defense is in the state that waits for it and the event answers the
 * job that this defense has out: whatever is repeated, late, or of another defense changes nothing.
 */

export function trained(draft: Draft, done: EventData<'training.completed'>): void {
  const defense = waiting(draft, 'training');
  const { dataset } = draft.context;
  if (defense?.training?.jobId !== done.jobId) return;
  if (!dataset) return moveTo(draft, defense, 'failed', 'the policy names no trusted dataset any more');
  const { candidate, report, epochs, seconds } = done;
  Object.assign(defense.training, { candidate, report, epochs, seconds });
  moveTo(draft, defense, 'evaluating', `trained ${epochs} epochs in ${Math.round(seconds)} s by ${done.trainer}`);
  requestJudgement(draft, defense, candidate, dataset);
}

/** A training that goes on may go on. Stored rarely: when half of the patience is used up. */
export function training(draft: Draft, { jobId }: EventData<'training.progress'>): void {
  const defense = waiting(draft, 'training');
  const patience = patienceSeconds(draft.spec, 'training');
  if (defense?.training?.jobId !== jobId || !defense.deadline || patience === null) return;
  if (secondsBetween(draft.now, defense.deadline) < patience / 2) defense.deadline = later(draft.now, patience);
}

export function jobFailed(
  draft: Draft,
  job: 'training' | 'evaluation' | 'calibration',
  failed: EventData<'training.failed'>,
): void {
  const defense = waiting(draft, job === 'training' ? 'training' : 'evaluating');
  if (defense?.[job]?.jobId !== failed.jobId) return;
  const reason = `${job} ${failed.cancelled ? 'was cancelled' : 'failed'}: ${failed.reason}`;
  if (job !== 'calibration') return giveUp(draft, defense, reason);
  if (defense.calibration) defense.calibration.failure = reason;
  decide(draft, defense);
}

export function evaluated(draft: Draft, done: EventData<'evaluation.completed'>): void {
  const defense = waiting(draft, 'evaluating');
  const { dataset } = draft.context;
  if (defense?.evaluation?.jobId !== done.jobId || defense.gates || !dataset) return;
  defense.evaluation.before = done.baseline;
  defense.evaluation.after = done.candidate;
  const { threatModel, gates } = draft.spec;
  defense.gates = judge(defense, done, { threatModel, gates, datasetSha256: dataset.sha256 });
  decide(draft, defense);
}

export function calibrated(draft: Draft, done: EventData<'calibration.completed'>): void {
  const defense = waiting(draft, 'evaluating');
  if (defense?.calibration?.jobId !== done.jobId) return;
  if (done.modelSha256 !== defense.training?.candidate?.sha256)
    return moveTo(draft, defense, 'failed', 'the calibration is of another model than the candidate');
  defense.calibration.file = done.calibration;
  defense.calibration.summary = done.summary;
  decide(draft, defense);
}

/** The gates come first: a candidate that is no good often cannot be calibrated either, and that is not the reason. */
function decide(draft: Draft, defense: Defense): void {
  const { training, evaluation, calibration, gates } = defense;
  if (!gates) return;
  if (gates.some((gate) => !gate.passed)) return moveTo(draft, defense, 'rejected', verdictInWords(gates));
  if (calibration?.failure) return giveUp(draft, defense, calibration.failure);
  if (!calibration?.file || !training?.candidate || !evaluation?.after) return;
  const robust = robustAccuracy(evaluation.after, draft.spec.threatModel.epsilon);
  if (!robust) return;
  const next = {
    revision: revisionName(training.candidate),
    modelFile: training.candidate,
    calibration: calibration.file,
    certified: true,
  };
  moveTo(draft, defense, 'rolling-out', verdictInWords(gates));
  protectCandidate(draft, next); // before its first request, hence before the deployer hears of it
  // Even when every request is attacked as hard as the threat model allows, this much was promised.
  requestDeployment(draft, defense, next, robust.low);
}

export function deployed(draft: Draft, { deploymentId, revision }: EventData<'deployment.completed'>): void {
  const defense = waiting(draft, 'rolling-out');
  if (defense?.deployment?.deploymentId !== deploymentId) return;
  const anomaly = draft.model.anomalies[defense.revision];
  defense.during = anomaly?.anomalyId === defense.anomalyId ? { ...anomaly.live, counted: [] } : null;
  defense.after = noCounts();
  defense.deployment.servingAt = draft.now;
  draft.model.serving = revision;
  moveTo(draft, defense, 'verifying', `revision ${revision} serves all traffic`);
}

export function notDeployed(
  draft: Draft,
  state: 'failed' | 'rolled-back',
  { deploymentId, reason }: EventData<'deployment.failed'>,
): void {
  const defense = waiting(draft, 'rolling-out');
  if (defense?.deployment?.deploymentId !== deploymentId) return;
  moveTo(draft, defense, state, `${reason}; revision ${draft.model.serving} serves as before`);
  const candidate = defense.deployment.revision;
  protectOnly(draft, ({ revision }) => revision !== candidate);
}

export function served(draft: Draft, window: AccuracyWindow): void {
  const defense = waiting(draft, 'verifying');
  if (!defense?.after || !defense.deployment?.servingAt || window.revision !== defense.deployment.revision) return;
  if (count(defense.after, window, defense.deployment.servingAt)) verifyNow(draft, defense, false);
}

function verifyNow(draft: Draft, defense: Defense, timedOut: boolean): void {
  const { after, deployment, during } = defense;
  if (!after || !deployment) return;
  const labelsExpected = (during?.labelled ?? 0) > 0;
  const result = verify(after, { minimum: deployment.minimumAccuracy, timedOut, labelsExpected });
  if (!result) return;
  defense.after = { ...after, counted: [] }; // no window counts any more
  if (result.state === 'recovered') defense.certificate = certify(draft, defense);
  moveTo(draft, defense, result.state, result.reason);
  for (const one of draft.model.revisions) one.certified = result.state === 'recovered';
  protectOnly(draft, ({ revision }) => revision === deployment.revision);
}

/** A state has lasted longer than it may. */
export function timeOut(draft: Draft): void {
  const defense = draft.openDefense;
  if (!defense?.deadline || draft.now < defense.deadline) return;
  if (defense.state === 'verifying') return verifyNow(draft, defense, true);
  stop(draft, defense, `no news for too long while ${defense.state}`);
}

/** Ends a defense whose training may still be running somewhere. */
export function stop(draft: Draft, defense: Defense, reason: string): void {
  if (defense.state === 'training' && defense.training) {
    const { jobId } = defense.training;
    draft.publish('training.cancel', `${jobId}.cancel`, { ...draft.name, jobId, reason }, defense.anomalyId);
  }
  giveUp(draft, defense, reason);
}

/** Ends a defense whose candidate serves nobody yet. */
function giveUp(draft: Draft, defense: Defense, reason: string): void {
  moveTo(draft, defense, 'failed', `${reason}; revision ${draft.model.serving} serves as before`);
}

function waiting(draft: Draft, state: Defense['state']): Defense | null {
  return draft.openDefense?.state === state ? draft.openDefense : null;
}
