import { Count, Id, ModelRef, Name, Nullable, Proportion, Sha256, Time, Type, type Static } from '../schema.js';
import { ThreatModel } from '../policy.js';
import { RobustnessResult } from './jobs.js';

export const DefenseState = Type.Union([
  Type.Literal('detected'),
  Type.Literal('awaiting-approval'),
  Type.Literal('training'),
  Type.Literal('evaluating'),
  Type.Literal('rolling-out'),
  Type.Literal('verifying'),
  Type.Literal('recovered'),
  Type.Literal('rejected'),
  Type.Literal('rolled-back'),
  Type.Literal('failed'),
  Type.Literal('suppressed'),
]);
export type DefenseState = Static<typeof DefenseState>;

/** The proof: accuracy before the attack, under it, and after the defense, on held-out data, with the hashes of what was measured. */
export const RecoveryCertificate = Type.Object({
  ...ModelRef,
  defenseId: Id,
  issuedAt: Time,
  threatModel: ThreatModel,
  datasetSha256: Sha256,
  before: RobustnessResult,
  during: Nullable(Proportion),
  after: RobustnessResult,
  afterLive: Nullable(Proportion),
  revisions: Type.Object({ before: Name, after: Name }),
  times: Type.Object({ alarmAt: Time, verdictAt: Time, servingAt: Time }),
});
export type RecoveryCertificate = Static<typeof RecoveryCertificate>;

const Defense = { ...ModelRef, defenseId: Id, anomalyId: Id, revision: Name };

/** Every step of every defense, one event each. `state` is what is true now. */
export const DefenseChanged = Type.Object({
  ...Defense,
  from: Nullable(DefenseState),
  state: DefenseState,
  reason: Type.String(),
  at: Time,
  version: Count,
});
export type DefenseChanged = Static<typeof DefenseChanged>;

export const DefenseEnded = Type.Object({
  ...Defense,
  state: DefenseState,
  reason: Type.String(),
  at: Time,
  certificate: Nullable(RecoveryCertificate),
});
export type DefenseEnded = Static<typeof DefenseEnded>;

/** An attack goes on against a revision that holds a certificate, and costs it too little to defend again. */
export const DefenseContained = Type.Object({
  ...ModelRef,
  revision: Name,
  anomalyId: Id,
  at: Time,
  confirmed: Type.Boolean({ description: 'labels confirm that the error is quiet; false = no labels come' }),
  reason: Type.String(),
});
export type DefenseContained = Static<typeof DefenseContained>;

/** A person is asked: the verdict is undetermined, or the policy wants an approval. */
export const DefenseQuestion = Type.Object({
  ...ModelRef,
  anomalyId: Id,
  defenseId: Nullable(Id),
  question: Type.String(),
  at: Time,
});
export type DefenseQuestion = Static<typeof DefenseQuestion>;
