import type { LoweringChoice } from '#onnx-autodiff';

import type { Recipe } from './recipe.js';
import type { ThreatModel } from './threatModel.js';

export interface TrainingPlan {
  recipe: Recipe;
  /** Target of the hardening; epsilon 0 for plain training. */
  threat: ThreatModel;
  seed: number;
}

export interface TrainingHooks {
  onProgress?: (progress: TrainingProgress) => void;
  /** Optimizer steps between two calls of `onProgress`. */
  progressEvery?: number;
  signal?: AbortSignal;
  /** Where the state after each epoch is kept; a run that finds its own goes on from there. */
  checkpoint?: CheckpointStore;
  /** Fail with a CheckpointError, instead of starting anew, where the checkpoint is of another run. */
  requireCheckpoint?: boolean;
  timeBudgetSeconds?: number;
  /** How the network is computed, see `loadClassifier`; `fast` unless told otherwise. */
  lowering?: LoweringChoice['kind'];
  /** Rows of a batch that are computed at once, see `fitTraining`; a divisor of the batch size. Default: all. */
  rowsAtOnce?: number;
  /** Milliseconds on a clock that never goes back. */
  now?: () => number;
}

export interface CheckpointStore {
  load(): Promise<Uint8Array | undefined>;
  save(bytes: Uint8Array): Promise<void>;
}

export interface TrainingProgress {
  step: number;
  totalSteps: number;
  /** Counted from 1. */
  epoch: number;
  epochs: number;
  /** Means over the attacked batches since the last call. */
  loss: number;
  accuracy: number;
  /** Of the last validation under PGD with restarts. */
  robustAccuracy: number | null;
  etaSeconds: number;
  backOffs: number;
  /** See the report. */
  overfittedAt: number | null;
}
