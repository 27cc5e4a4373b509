import type { Executor, OnnxModel } from '#onnx-autodiff';

import type { Dataset } from './dataset.js';
import { requireThat } from './errors.js';
import type { ThreatModel } from './threatModel.js';
import type { TrainingHooks, TrainingPlan } from './plan.js';
import { train, type TrainingResult } from './training.js';
import type { Recipe } from './recipe.js';

/**
 * Adversarial training from the model's own weights (a warm start: as accurate as from scratch, and faster). The result is
 * the epoch that stood best against PGD with restarts on the validation rows, which must not be among the training rows.
 */
export async function hardenModel(
  model: OnnxModel,
  training: Dataset,
  validation: Dataset,
  plan: TrainingPlan,
  options: TrainingHooks & { executor: Executor },
): Promise<TrainingResult> {
  requireThat(plan.recipe.attackSteps >= 1, 'recipe.attackSteps', 'must be at least 1 for adversarial training');
  requireThat(plan.threat.epsilon > 0, 'threat.epsilon', 'must be above 0 for adversarial training');
  return train(model, training, validation, plan, options);
}

export interface PlainTrainingPlan {
  recipe: Omit<Recipe, 'attackSteps' | 'epsilonFactor'>;
  range: ThreatModel['range'];
  seed: number;
}

/** The same without attacks: an ordinary classifier. */
export async function trainClassifier(
  model: OnnxModel,
  training: Dataset,
  validation: Dataset,
  { recipe, range, seed }: PlainTrainingPlan,
  options: TrainingHooks & { executor: Executor },
): Promise<TrainingResult> {
  const plan: TrainingPlan = {
    recipe: { ...recipe, attackSteps: 0, epsilonFactor: 1 },
    threat: { norm: 'linf', epsilon: 0, range },
    seed,
  };
  return train(model, training, validation, plan, options);
}
