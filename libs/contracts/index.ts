export { calibrationName } from './calibration-name.js';
export {
  CloudEventEnvelope,
  cloudEvent,
  eventNameOf,
  eventType,
  parseEvent,
  type CloudEvent,
  type EventOrigin,
} from './cloudevent.js';
export { breakingChanges } from './compatibility.js';
export { documents } from './documents.js';
export { EVENTS, EVENT_NAMES, type EventData, type EventName } from './event-map.js';
export type * from './events/anomaly.js';
export { DefenseState, type RecoveryCertificate } from './events/defense.js';
export type { DeploymentPhase, DeploymentRequested } from './events/deployment.js';
export type {
  CalibrationRequested,
  CalibrationSummary,
  EvaluationRequested,
  RobustnessResult,
  TrainingRequested,
} from './events/jobs.js';
export type { ProtectedRevision, ProtectionUpdated } from './events/protection.js';
export { SIGNALS, type AccuracyWindow, type Label, type Sample, type SignalName } from './events/samples.js';
export type * from './events/verdict.js';
export { DEFAULT_NAMESPACE, intakeLabels, intakeSamples, samplesAsSent, type Intake } from './intake.js';
export { natsUsers, passwordVariable } from './nats-users.js';
export { BUS_USERS, SERVICES, type BusUser } from './participants.js';
export { inboxPrefix, permissions, streamsOfService } from './permissions.js';
export {
  DEFAULT_DETECTION,
  RobustnessPolicy,
  parsePolicy,
  type DatasetShares,
  type Detection,
  type InputContract,
  type Recipe,
  type Rollout,
  type ThreatModel,
} from './policy.js';
export { Type, type Proportion, type RequestRow, type Static, type TSchema } from './schema.js';
export { DEAD_LETTERS, STREAMS, type StreamDefinition, type StreamName } from './streams.js';
export { subjectFor, subjectsFor, subjectsOf, type ModelName } from './subjects.js';
export { InvalidInputError, parser } from './validation.js';
