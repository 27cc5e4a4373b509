import type { ProtectedRevision } from '#contracts';
import { ids, type Defense, type ModelFile } from './defense.js';
import type { Draft } from './draft.js';
import type { TrustedDataset } from './model.js';

const SEEDS = 2 ** 32;

export function requestTraining(draft: Draft, defense: Defense, modelFile: ModelFile, dataset: TrustedDataset): void {
  const { training, threatModel } = draft.spec;
  const jobId = ids.job(defense.defenseId, 'training');
  defense.training = { jobId, candidate: null, report: null, epochs: null, seconds: null };
  // Another seed each time: a training that was rejected would otherwise end in the same model again.
  const seed = (training.seed + draft.model.trainings++) % SEEDS;
  draft.publish(
    'training.requested',
    jobId,
    {
      ...draft.name,
      jobId,
      defenseId: defense.defenseId,
      modelFile,
      dataset,
      threatModel,
      recipe: training.recipe,
      timeBudgetSeconds: training.timeBudgetSeconds,
      seed,
    },
    defense.anomalyId,
  );
}

const radii = (draft: Draft) => [...new Set([draft.spec.threatModel.epsilon, ...draft.spec.alsoEvaluate])];

/** The proof and the calibration of a candidate, side by side. */
export function requestJudgement(draft: Draft, defense: Defense, candidate: ModelFile, dataset: TrustedDataset): void {
  const { threatModel, training } = draft.spec;
  const { defenseId, anomalyId } = defense;
  const evaluation = ids.job(defenseId, 'evaluation');
  const calibration = ids.job(defenseId, 'calibration');
  defense.evaluation = { jobId: evaluation, before: null, after: null };
  defense.calibration = { jobId: calibration, file: null, summary: null, failure: null };
  const job = { ...draft.name, defenseId, dataset, threatModel, seed: training.seed };
  draft.publish(
    'evaluation.requested',
    evaluation,
    { ...job, jobId: evaluation, candidate, baseline: defense.baseline, epsilons: radii(draft) },
    anomalyId,
  );
  draft.publish('calibration.requested', calibration, { ...job, jobId: calibration, modelFile: candidate }, anomalyId);
}

/** A look at the serving model again: an attack on a certified model must not go on unexamined. */
export function requestContainmentEvaluation(
  draft: Draft,
  anomalyId: string,
  candidate: ModelFile,
  dataset: TrustedDataset,
): void {
  const jobId = ids.containmentEvaluation(anomalyId);
  const { threatModel, training } = draft.spec;
  draft.publish(
    'evaluation.requested',
    jobId,
    {
      ...draft.name,
      jobId,
      defenseId: null,
      candidate,
      baseline: null,
      dataset,
      threatModel,
      epsilons: radii(draft),
      seed: (training.seed + 1) % SEEDS, // other starting points than those of the certificate
    },
    anomalyId,
  );
}

export function requestDeployment(draft: Draft, defense: Defense, next: ProtectedRevision, minimum: number): void {
  const deploymentId = ids.deployment(defense.defenseId);
  const { revision, modelFile } = next;
  if (!modelFile) throw new Error(`revision ${revision} has no model file to deploy`);
  defense.deployment = { deploymentId, revision, minimumAccuracy: minimum, servingAt: null };
  draft.publish(
    'deployment.requested',
    deploymentId,
    {
      ...draft.name,
      deploymentId,
      defenseId: defense.defenseId,
      revision,
      target: draft.spec.target.endpoint,
      modelFile,
      previousRevision: draft.model.serving,
      rollout: draft.spec.rollout,
      minimumAccuracy: minimum,
    },
    defense.anomalyId,
  );
}
