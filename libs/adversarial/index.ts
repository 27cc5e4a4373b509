export {
  type AttackBatch,
  type AttackOptions,
  type AttackStep,
  compileAttack,
  type CompiledAttack,
} from './attackGraph.js';
export { apgd } from './attacks/apgd.js';
export { fgsm } from './attacks/fgsm.js';
export { pgd, type PgdOptions, pgdStepSize } from './attacks/pgd.js';
export { predictions } from './attacks/predictions.js';
export { worstCase } from './attacks/worstCase.js';
export type { WorstCase } from './attacks/restarts.js';
export type { EpochResult } from './checkpoint.js';
export type { Dataset, Rows } from './dataset.js';
export { CheckpointError, InvalidArgumentError, MemoryLimitError, TrainingCollapsedError } from './errors.js';
export {
  type AttackResult,
  type ClassResult,
  evaluateRobustness,
  type EvaluationOptions,
  type RobustnessReport,
} from './evaluate.js';
export { type FurtherAttack, furtherAttacks, type FurtherResult, runFurtherAttacks } from './furtherAttacks.js';
export { hardenModel, type PlainTrainingPlan, trainClassifier } from './harden.js';
export type { AttackLoss } from './lossGraph.js';
export { fitAttack, fitTraining, type MemoryReport, memoryReport } from './memory.js';
export { random, type Random, type RandomState } from './random.js';
export { defaultRecipe, type Optimizer, type Recipe } from './recipe.js';
export { largestPerturbation, type Norm, type ThreatModel, unitBallNoise } from './threatModel.js';
export type { CheckpointStore, TrainingHooks, TrainingPlan, TrainingProgress } from './plan.js';
export type { TrainingReport, TrainingResult } from './training.js';
export { compileTraining, type OptimizerState } from './trainingGraph.js';
