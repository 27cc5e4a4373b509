import {
  Type,
  type EventData,
  type EventName,
  type ProtectedRevision,
  type RobustnessPolicy,
  type Static,
} from '#contracts';
import { LiveCounts, type Defense, type ModelFile } from './defense.js';

/** The trusted dataset of a policy, as the jobs carry it. */
export type TrustedDataset = EventData<'training.requested'>['dataset'];

/** A policy with what its URIs hold. */
export interface ResolvedPolicy {
  policy: RobustnessPolicy;
  modelFile: ModelFile | null;
  dataset: TrustedDataset | null;
}

/** What a step may know besides the state: nothing else, so that it can be repeated. */
export interface Context extends ResolvedPolicy {
  now: string;
  /** Version of the calibration method that runs at present. */
  calibrationMethod: string;
}

const time = { format: 'date-time' };
const Moment = Type.Union([Type.String(time), Type.Null()]);

/** How the system has answered an anomaly so far. */
const Answer = Type.Enum(['none', 'asked', 'ignored', 'dismissed', 'contained', 'suppressed', 'defended']);

/** The present, or else last, anomaly of a revision. */
export const Anomaly = Type.Object({
  anomalyId: Type.String(),
  revision: Type.String(),
  raisedAt: Type.String(time),
  closed: Type.Boolean(),
  verdict: Type.Union([Type.Enum(['attack', 'drift', 'undetermined']), Type.Null()]),
  verdictAt: Moment,
  statement: Type.Union([Type.String(), Type.Null()]),
  answer: Answer,
  attempts: Type.Integer({ minimum: 0, description: 'defenses opened for it' }),
  /** Since the alarm. */
  live: LiveCounts,
  errorAlarm: Type.Boolean({ description: 'the labelled error of the revision is out of tolerance' }),
  // First answers of their kind: each is published once for an anomaly.
  containedAt: Moment,
  suppressedAt: Moment,
  belowGate: Type.Union([Type.String(), Type.Null()], {
    description: 'why it is not contained any more, when an evaluation fell under the gate',
  }),
});
export type Anomaly = Static<typeof Anomaly>;

/** A calibration of one model file, known or asked for. */
export interface CalibrationRecord {
  /** Says all that it depends on. */
  name: string;
  file: ModelFile | null;
  /** The job that is out. */
  jobId: string | null;
  attempts: number;
}

/** Everything known about one protected model. The unit that is stored: one writer wins, the others look again. */
export interface ModelState {
  namespace: string;
  model: string;
  /** What the policy file named when this state began; when the file names something else, a person has deployed it. */
  origin: { revision: string; sha256: string | null };
  serving: string;
  revisions: ProtectedRevision[];
  protection: { version: number; at: string };
  /** By the hash of the model file. */
  calibrations: Record<string, CalibrationRecord>;
  /** The present, or else last, anomaly of each revision. */
  anomalies: Record<string, Anomaly>;
  /** The last anomalies seen, so that a late event of an old one is recognised. */
  seenAnomalies: string[];
  /** The open defense, or the last one. */
  defense: Defense | null;
  trainings: number;
  /** End of the last defense: the cool-down counts from here. */
  lastEndAt: string | null;
}

const INCOMING = [
  'anomaly.raised',
  'anomaly.closed',
  'attack.detected',
  'drift.detected',
  'verdict.undetermined',
  'accuracy.window',
  'training.progress',
  'training.completed',
  'training.failed',
  'evaluation.completed',
  'evaluation.failed',
  'calibration.completed',
  'calibration.failed',
  'deployment.completed',
  'deployment.failed',
  'deployment.rolled-back',
] as const satisfies readonly EventName[];
export type IncomingEvent = (typeof INCOMING)[number];
export const isIncoming = (name: EventName): name is IncomingEvent => (INCOMING as readonly EventName[]).includes(name);

/** What a person may order. */
export type Command =
  | { kind: 'approve'; defenseId: string; by: string }
  | { kind: 'reject'; defenseId: string; by: string }
  | { kind: 'cancel'; defenseId: string; by: string }
  | { kind: 'harden'; anomalyId: string; by: string }
  | { kind: 'dismiss'; anomalyId: string; by: string };

export type Incoming =
  | { [N in IncomingEvent]: { kind: N; data: EventData<N> } }[IncomingEvent]
  | Command
  | { kind: 'tick' }
  /** The service has started. */
  | { kind: 'start' };

export type Outgoing = {
  [N in EventName]: { name: N; id: string; correlationId?: string; data: EventData<N> };
}[EventName];

/** An order that does not fit what is true now. */
export class NotNowError extends Error {
  override readonly name = 'NotNowError';
}
