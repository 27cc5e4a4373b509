import type { Static, TSchema } from './schema.js';
import * as anomaly from './events/anomaly.js';
import * as defense from './events/defense.js';
import * as deployment from './events/deployment.js';
import * as jobs from './events/jobs.js';
import * as protection from './events/protection.js';
import * as samples from './events/samples.js';
import * as verdict from './events/verdict.js';
import type { StreamName } from './streams.js';

interface EventDefinition<T extends TSchema> {
  /** Shape of the CloudEvent's `data`. */
  schema: T;
  stream: StreamName;
  /** A copy goes to the bare subject too, for the simplest subscribers. */
  bareCopy: boolean;
  /** Anybody may publish it, in less strict forms and on the bare subject. */
  openIntake: boolean;
  summary: string;
}

const event = <T extends TSchema>(
  stream: StreamName,
  schema: T,
  summary: string,
  { bareCopy = false, openIntake = false } = {},
): EventDefinition<T> => ({
  schema,
  stream,
  bareCopy,
  openIntake,
  summary,
});

/**
 * Every event of the system: `<noun>.<event>` is the subject before `.<namespace>.<model>`, and names the CloudEvent type
 * `dev.antibody.<noun>.<event>.v1`. Within a version fields are only ever added.
 */
export const EVENTS = {
  'accuracy.sample': event('SAMPLES', samples.SampleBatch, 'What examined rows say; anybody may publish here', {
    openIntake: true,
  }),
  'aim.sample': event('SAMPLES', anomaly.AimSample, 'A group of rows of an open anomaly, with its aim statistics'),
  'aim.label': event('SAMPLES', anomaly.AimLabel, 'The label of one member of a group has come'),
  'label.observed': event(
    'LABELS',
    samples.LabelBatch,
    'True labels, whenever they become known; anybody may publish here',
    { openIntake: true },
  ),
  'accuracy.window': event('EVENTS', samples.AccuracyWindow, 'Counts of the last seconds for one revision'),
  'anomaly.raised': event('EVENTS', anomaly.AnomalyRaised, 'Stage 1: the stream is out of the ordinary'),
  'anomaly.closed': event('EVENTS', anomaly.AnomalyClosed, 'The anomaly is over'),
  'attack.detected': event('EVENTS', verdict.AttackDetected, 'Stage 2: the inputs are aimed at this model', {
    bareCopy: true,
  }),
  'attack.subsided': event('EVENTS', verdict.AttackSubsided, 'The attack is over', { bareCopy: true }),
  'drift.detected': event('EVENTS', verdict.DriftDetected, 'Stage 2: no aimed perturbation seen', { bareCopy: true }),
  'verdict.undetermined': event('EVENTS', verdict.VerdictUndetermined, 'Stage 2 could not tell'),
  'protection.updated': event(
    'EVENTS',
    protection.ProtectionUpdated,
    'Model files and calibrations of the revisions that are watched',
  ),
  'training.requested': event('JOBS', jobs.TrainingRequested, 'Job: harden a model'),
  'training.progress': event('EVENTS', jobs.TrainingProgress, 'A training is under way'),
  'training.completed': event('EVENTS', jobs.TrainingCompleted, 'A candidate is ready to be judged'),
  'training.failed': event('EVENTS', jobs.JobFailed, 'No candidate'),
  'training.cancel': event('EVENTS', jobs.TrainingCancel, 'Stop this training'),
  'evaluation.requested': event('JOBS', jobs.EvaluationRequested, 'Job: measure a candidate under attack'),
  'evaluation.completed': event('EVENTS', jobs.EvaluationCompleted, 'Clean and robust accuracy, before and after'),
  'evaluation.failed': event('EVENTS', jobs.JobFailed, 'The evaluation could not be done'),
  'calibration.requested': event('JOBS', jobs.CalibrationRequested, 'Job: calibrate signals and verdict for a model'),
  'calibration.completed': event('EVENTS', jobs.CalibrationCompleted, 'Thresholds, tolerances and expected power'),
  'calibration.failed': event('EVENTS', jobs.JobFailed, 'The calibration could not be done'),
  'deployment.requested': event('DEPLOYMENTS', deployment.DeploymentRequested, 'Job: roll a candidate out'),
  'deployment.progressed': event('EVENTS', deployment.DeploymentProgressed, 'A step of a rollout'),
  'deployment.completed': event('EVENTS', deployment.DeploymentCompleted, 'The candidate serves all traffic'),
  'deployment.failed': event('EVENTS', deployment.DeploymentFailed, 'The candidate never took traffic'),
  'deployment.rolled-back': event('EVENTS', deployment.DeploymentRolledBack, 'The candidate was withdrawn'),
  'defense.changed': event('EVENTS', defense.DefenseChanged, 'A defense took a step', { bareCopy: true }),
  'defense.ended': event('EVENTS', defense.DefenseEnded, 'A defense ended; recovered ones carry the certificate', {
    bareCopy: true,
  }),
  'defense.contained': event('EVENTS', defense.DefenseContained, 'An attack goes on and does no harm', {
    bareCopy: true,
  }),
  'defense.question': event('EVENTS', defense.DefenseQuestion, 'A person has to decide', { bareCopy: true }),
} satisfies Record<string, EventDefinition<TSchema>>;

export type EventName = keyof typeof EVENTS;
export type EventData<N extends EventName> = Static<(typeof EVENTS)[N]['schema']>;
export const EVENT_NAMES = Object.keys(EVENTS) as EventName[];
