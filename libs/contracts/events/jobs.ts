import { Count, Fraction, Id, ModelRef, Nullable, Proportion, Sha256, Type, Uri, type Static } from '../schema.js';
import { DatasetShares, InputContract, Recipe, ThreatModel } from '../policy.js';

const Job = { ...ModelRef, jobId: Id, defenseId: Nullable(Id) };
const ModelFile = Type.Object({ uri: Uri, sha256: Sha256 });
const Dataset = Type.Object({ uri: Uri, sha256: Sha256, inputs: InputContract, shares: DatasetShares });
const Seed = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });

/** A training job. Whoever takes it from the work queue and answers with `training.completed` is a trainer. */
export const TrainingRequested = Type.Object({
  ...Job,
  modelFile: ModelFile,
  dataset: Dataset,
  threatModel: ThreatModel,
  recipe: Recipe,
  timeBudgetSeconds: Type.Integer({ minimum: 1 }),
  seed: Seed,
});
export type TrainingRequested = Static<typeof TrainingRequested>;

export const TrainingProgress = Type.Object({
  ...Job,
  trainer: Id,
  attempt: Type.Integer({ minimum: 1 }),
  step: Count,
  totalSteps: Count,
  epoch: Count,
  epochs: Count,
  loss: Type.Number(),
  accuracy: Type.Number({ description: 'on the attacked training batches' }),
  robustAccuracy: Nullable(Fraction),
  etaSeconds: Type.Number({ minimum: 0 }),
});
export type TrainingProgress = Static<typeof TrainingProgress>;

export const TrainingCompleted = Type.Object({
  ...Job,
  trainer: Id,
  candidate: ModelFile,
  report: Nullable(Uri),
  epochs: Count,
  seconds: Type.Number({ minimum: 0 }),
});
export type TrainingCompleted = Static<typeof TrainingCompleted>;

export const JobFailed = Type.Object({ ...Job, trainer: Id, reason: Type.String(), cancelled: Type.Boolean() });
export type JobFailed = Static<typeof JobFailed>;

/** Tells whichever trainer runs (or later takes) the job to stop. */
export const TrainingCancel = Type.Object({ ...ModelRef, jobId: Id, reason: Type.String() });
export type TrainingCancel = Static<typeof TrainingCancel>;

export const EvaluationRequested = Type.Object({
  ...Job,
  candidate: ModelFile,
  baseline: Nullable(ModelFile),
  dataset: Dataset,
  threatModel: ThreatModel,
  epsilons: Type.Array(Type.Number({ exclusiveMinimum: 0 }), { minItems: 1, maxItems: 8 }),
  seed: Seed,
});
export type EvaluationRequested = Static<typeof EvaluationRequested>;

export const RobustnessResult = Type.Object({
  sha256: Sha256,
  clean: Proportion,
  attacks: Type.Array(Type.Object({ epsilon: Type.Number(), fgsm: Proportion, pgd: Proportion })),
  attack: Type.Object({ steps: Count, restarts: Count }),
  flags: Type.Array(Type.String(), { description: 'failed sanity checks, e.g. masked gradients; empty = none' }),
});
export type RobustnessResult = Static<typeof RobustnessResult>;

export const EvaluationCompleted = Type.Object({
  ...Job,
  trainer: Id,
  datasetSha256: Sha256,
  candidate: RobustnessResult,
  baseline: Nullable(RobustnessResult),
});
export type EvaluationCompleted = Static<typeof EvaluationCompleted>;

export const CalibrationRequested = Type.Object({
  ...Job,
  modelFile: ModelFile,
  dataset: Dataset,
  threatModel: ThreatModel,
  seed: Seed,
});
export type CalibrationRequested = Static<typeof CalibrationRequested>;

/** What a calibration says of itself: the numbers a person would want to see, the rest is in the artifact. */
export const CalibrationSummary = Type.Object({
  method: Type.String(),
  rows: Count,
  signals: Type.Array(
    Type.Object({
      name: Type.String(),
      rate: Fraction,
      tolerance: Fraction,
      enabled: Type.Boolean(),
      reason: Nullable(Type.String()),
    }),
  ),
  tests: Type.Array(
    Type.Object({
      test: Type.String(),
      enabled: Type.Boolean(),
      reason: Nullable(Type.String({ description: 'why the test is refused for this model' })),
      allowed: Nullable(Type.Number()),
      gap: Nullable(Type.Number({ description: 'median mean-score of own attacks above what is allowed' })),
      worstKind: Nullable(Type.String({ description: 'the harmless change that comes closest to an attack' })),
      power: Type.Array(
        Type.Object({ attack: Type.String(), epsilon: Type.Number(), expectedRequests: Nullable(Type.Number()) }),
      ),
    }),
  ),
});
export type CalibrationSummary = Static<typeof CalibrationSummary>;

export const CalibrationCompleted = Type.Object({
  ...Job,
  trainer: Id,
  modelSha256: Sha256,
  datasetSha256: Sha256,
  calibration: ModelFile,
  summary: CalibrationSummary,
});
export type CalibrationCompleted = Static<typeof CalibrationCompleted>;
