import { Count, Fraction, Id, Name, RevisionRef, Time, Type, type Static } from '../schema.js';

/** The signals that Antibody computes itself; 1 = the row is out of the ordinary. Custom names are welcome beside them. */
export const SIGNALS = ['error', 'lowConfidence', 'squeeze', 'bandEnergy', 'mismatch'] as const;
export type SignalName = (typeof SIGNALS)[number];

/** What one examined row says. `correct` is short for `signals.error`; a model name and `correct` are enough. */
export const Sample = Type.Object({
  namespace: Type.Optional(Name),
  model: Name,
  revision: Type.Optional(Name),
  calibration: Type.Optional(
    Type.String({ maxLength: 256, description: 'id of the calibration that the signals were computed with' }),
  ),
  id: Type.Optional(Id),
  row: Type.Optional(Count),
  time: Type.Optional(Time),
  correct: Type.Optional(Type.Boolean({ description: 'did the prediction match the true label' })),
  signals: Type.Optional(
    Type.Record(Type.String({ pattern: '^[a-zA-Z][a-zA-Z0-9-]{0,62}$' }), Fraction, {
      description: 'signal name to a value in [0, 1], 1 = out of the ordinary',
    }),
  ),
  share: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'share of the traffic that is examined at present' }),
  ),
});
export type Sample = Static<typeof Sample>;

export const SampleBatch = Type.Object({ samples: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 5000 }) });

/** The true label of a row, whenever it becomes known. */
export const Label = Type.Object({
  namespace: Type.Optional(Name),
  model: Name,
  id: Id,
  row: Type.Optional(Count),
  label: Type.Integer({ minimum: 0, description: 'index of the true class' }),
});
export type Label = Static<typeof Label>;

export const LabelBatch = Type.Object({ labels: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 5000 }) });

/** Counts per revision since the last window: the source for live accuracy, verification and containment. */
export const AccuracyWindow = Type.Object({
  ...RevisionRef,
  from: Time,
  to: Time,
  n: Count,
  labelled: Count,
  correct: Count,
  errorEvidence: Type.Number({
    minimum: 0,
    description: 'value of the labelled-error detector; an alarm at the budget N',
  }),
  errorAlarm: Type.Boolean(),
});
export type AccuracyWindow = Static<typeof AccuracyWindow>;
