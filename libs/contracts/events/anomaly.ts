import { Count, Id, Nullable, RequestRow, RevisionRef, Time, Type, type Static } from '../schema.js';

/** The three ways to ask whether a change is aimed at this request and this model. */
export const VerdictTest = Type.Union([Type.Literal('aim'), Type.Literal('gated'), Type.Literal('labelled')]);
export type VerdictTest = Static<typeof VerdictTest>;

export const SignalEvidence = Type.Object({
  name: Type.String(),
  value: Type.Number({ description: 'value of this signal’s e-SR detector' }),
  mean: Type.Number({ description: 'share of flagged rows among the recent ones' }),
  tolerance: Type.Number({ description: 'tolerated share m0' }),
});
export type SignalEvidence = Static<typeof SignalEvidence>;

/** Stage 1: the average of the sequential detectors reached the budget. Not yet an attack. */
export const AnomalyRaised = Type.Object({
  ...RevisionRef,
  anomalyId: Id,
  calibration: Nullable(Id),
  openedAt: Time,
  budget: Type.Number({ description: 'N: at most one false alarm per N examined rows' }),
  statistic: Type.Number(),
  signals: Type.Array(SignalEvidence),
  examined: Type.Integer({ minimum: 0, description: 'rows examined on this revision up to the alarm' }),
  trigger: Nullable(RequestRow),
  examples: Type.Array(RequestRow, { maxItems: 20 }),
  tests: Type.Array(VerdictTest, {
    description: 'the verdict’s tests that run for this anomaly; none = no verdict for this model',
  }),
  groupSize: Type.Integer({ minimum: 2, maximum: 16, description: 'rows per group of the labelled test' }),
  labelDeadlineSeconds: Count,
});
export type AnomalyRaised = Static<typeof AnomalyRaised>;

export const AnomalyClosed = Type.Object({
  ...RevisionRef,
  anomalyId: Id,
  closedAt: Time,
  reason: Type.Union([Type.Literal('quiet'), Type.Literal('revision-gone')]),
  verdict: Nullable(Type.Union([Type.Literal('attack'), Type.Literal('drift'), Type.Literal('undetermined')])),
});
export type AnomalyClosed = Static<typeof AnomalyClosed>;

/** Stage 2, collector to detector: a group of consecutive examined rows. Pairs carry their aim statistics; labelled groups wait for labels. */
export const AimSample = Type.Object({
  ...RevisionRef,
  anomalyId: Id,
  test: VerdictTest,
  group: Id,
  members: Type.Array(RequestRow, { minItems: 2, maxItems: 16 }),
  T: Type.Optional(
    Type.Object(
      {
        abs: Type.Array(Type.Number(), { minItems: 4, maxItems: 4 }),
        maxabs: Type.Array(Type.Number(), { minItems: 4, maxItems: 4 }),
      },
      {
        description: '[T_ii, T_ij, T_jj, T_ji] of the pair: how far residual j points along the gradient of request i',
      },
    ),
  ),
});
export type AimSample = Static<typeof AimSample>;

/** The label of one member of a labelled group has come: its row of the group’s table, for the true class. */
export const AimLabel = Type.Object({
  ...RevisionRef,
  anomalyId: Id,
  group: Id,
  member: Count,
  T: Type.Object({ near: Type.Array(Type.Number()), max: Type.Array(Type.Number()) }),
});
export type AimLabel = Static<typeof AimLabel>;
