import { DefenseState, EVENTS, Type, type EventData, type Static, type TSchema } from '#contracts';

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Text = Type.String();
const Time = Type.String({ format: 'date-time' });
const Count = Type.Integer({ minimum: 0 });

const trained = EVENTS['training.completed'].schema.properties;
const evaluated = EVENTS['evaluation.completed'].schema.properties;
const calibrated = EVENTS['calibration.completed'].schema.properties;
const ended = EVENTS['defense.ended'].schema.properties;

export type ModelFile = EventData<'training.completed'>['candidate'];

export const Gate = Type.Object({
  name: Text,
  measured: Type.Union([Type.Number(), Text, Type.Null()]),
  required: Text,
  passed: Type.Boolean(),
});
export type Gate = Static<typeof Gate>;

/** Rows of a revision over some time. */
export const LiveCounts = Type.Object({
  n: Count,
  labelled: Count,
  correct: Count,
  windows: Type.Integer({ minimum: 0, description: 'windows that had any traffic' }),
  // What a killed process held comes again later, so order does not tell which windows are counted already.
  counted: Type.Array(Type.String({ format: 'date-time' }), {
    description: 'ends of the last windows counted, in order',
  }),
});
export type LiveCounts = Static<typeof LiveCounts>;

export const noCounts = (): LiveCounts => ({ n: 0, labelled: 0, correct: 0, windows: 0, counted: [] });

/** The whole record of one defense. */
export const Defense = Type.Object({
  namespace: Text,
  model: Text,
  defenseId: Text,
  anomalyId: Text,
  revision: Type.String({ description: 'the revision under attack' }),
  state: DefenseState,
  reason: Text,
  version: Count,
  openedAt: Time,
  changedAt: Time,
  deadline: Nullable(
    Type.String({ format: 'date-time', description: 'when the state is given up; null = it may last' }),
  ),
  alarmAt: Time,
  verdictAt: Time,
  approvedBy: Nullable(Text),
  baseline: Nullable(trained.candidate),
  training: Nullable(
    Type.Object({
      jobId: Text,
      candidate: Nullable(trained.candidate),
      report: trained.report,
      epochs: Nullable(Count),
      seconds: Nullable(Type.Number()),
    }),
  ),
  evaluation: Nullable(Type.Object({ jobId: Text, before: evaluated.baseline, after: Nullable(evaluated.candidate) })),
  calibration: Nullable(
    Type.Object({
      jobId: Text,
      file: Nullable(trained.candidate),
      summary: Nullable(calibrated.summary),
      failure: Nullable(Text),
    }),
  ),
  gates: Nullable(Type.Array(Gate)),
  deployment: Nullable(
    Type.Object({ deploymentId: Text, revision: Text, minimumAccuracy: Type.Number(), servingAt: Nullable(Time) }),
  ),
  /** Of the attacked revision, from the alarm until the candidate serves everything. */
  during: Nullable(LiveCounts),
  /** Of the candidate, since then. */
  after: Nullable(LiveCounts),
  certificate: ended.certificate,
  history: Type.Array(Type.Object({ from: Nullable(DefenseState), state: DefenseState, at: Time, reason: Text })),
});
export type Defense = Static<typeof Defense>;

/** Ids follow from what caused the defense, so that whatever happens twice is recognised. */
export const ids = {
  defense: (anomalyId: string, attempt: number) =>
    attempt === 1 ? `defense.${anomalyId}` : `defense.${anomalyId}.${attempt}`,
  suppressed: (anomalyId: string) => `defense.${anomalyId}.suppressed`,
  job: (defenseId: string, kind: 'training' | 'evaluation' | 'calibration') => `${defenseId}.${kind}`,
  deployment: (defenseId: string) => `${defenseId}.deployment`,
  containmentEvaluation: (anomalyId: string) => `contained.${anomalyId}.evaluation`,
};

/** Revisions are named by what they serve. */
export const revisionName = (candidate: ModelFile) => `r${candidate.sha256.slice(0, 8)}`;
