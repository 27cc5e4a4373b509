import { Count, Id, Nullable, RequestRow, RevisionRef, Time, Type, type Static } from '../schema.js';
import { SignalEvidence, VerdictTest } from './anomaly.js';

/** One of the verdict’s tests: numbers a person can check, and the sentence that says them. */
export const TestEvidence = Type.Object({
  test: VerdictTest,
  statement: Type.String(),
  mean: Nullable(Type.Number({ description: 'mean swap score Z; 1/2 = as much as by chance' })),
  allowed: Type.Number({ description: 'highest mean that ordinary and shifted traffic may have' }),
  attackE: Type.Number({ description: 'e-value against "not aimed"' }),
  attackThreshold: Type.Number(),
  driftE: Nullable(Type.Number({ description: 'e-value against "aimed"' })),
  driftThreshold: Type.Number(),
  groups: Count,
});
export type TestEvidence = Static<typeof TestEvidence>;

const Verdict = {
  ...RevisionRef,
  anomalyId: Id,
  calibration: Nullable(Id),
  decidedAt: Time,
  statement: Type.String({ description: 'the verdict in one sentence' }),
  evidence: Type.Array(TestEvidence),
  signals: Type.Array(SignalEvidence),
  budget: Type.Number(),
  requests: Type.Object({
    sinceAlarm: Type.Integer({ minimum: 0, description: 'examined rows from the alarm to the verdict' }),
  }),
  examples: Type.Array(RequestRow, { maxItems: 20 }),
};

/** The inputs are aimed at this model. The only event that may start a hardening by itself. */
export const AttackDetected = Type.Object({
  ...Verdict,
  severity: Type.Union([Type.Literal('low'), Type.Literal('medium'), Type.Literal('high'), Type.Literal('critical')]),
  atlas: Type.Array(Type.String({ pattern: '^AML\\.T\\d{4}(\\.\\d{3})?$' }), {
    description: 'MITRE ATLAS technique ids',
  }),
});
export type AttackDetected = Static<typeof AttackDetected>;

/** No aimed perturbation was seen. This is not the same as no attack. */
export const DriftDetected = Type.Object(Verdict);
export type DriftDetected = Static<typeof DriftDetected>;

export const VerdictUndetermined = Type.Object({
  ...Verdict,
  reason: Type.Union([Type.Literal('no-verdict'), Type.Literal('not-decided')], {
    description: 'no-verdict: calibration left this model no test; not-decided: the tests did not decide in time',
  }),
});
export type VerdictUndetermined = Static<typeof VerdictUndetermined>;

export const AttackSubsided = Type.Object({ ...RevisionRef, anomalyId: Id, at: Time });
export type AttackSubsided = Static<typeof AttackSubsided>;
