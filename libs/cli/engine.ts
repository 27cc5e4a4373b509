import { EngineUnavailableError, openEngine } from '#executors';
import { type Classifier, type Executor, loadClassifier, type OnnxModel } from '#onnx-autodiff';

import type { CommonOptions } from './arguments.js';
import { UsageError } from './errors.js';

/** What a command computes with. */
export interface Engine {
  executor: Executor;
  name: string;
  /** Why this one. */
  why: string;
  threads: number;
}

export async function engineOf({ engine, threads }: CommonOptions): Promise<Engine> {
  const { executor, why } = await openEngine(engine, { threads }).catch((error: unknown) => {
    throw error instanceof EngineUnavailableError ? new UsageError(`--engine: ${error.message}`) : error;
  });
  return { executor, name: executor.name, why, threads };
}

/** What a report says of it. */
export const engineReport = ({ name, why, threads }: Engine): Omit<Engine, 'executor'> => ({ name, why, threads });

/** What the data has to look like: the shape of one row, and how many classes there are. */
export async function shapeOf(
  model: OnnxModel,
  { executor }: Engine,
): Promise<{ dims: readonly number[]; classes: number; classifier: Classifier }> {
  const classifier = await loadClassifier(model, { batch: 1, executor });
  return { dims: classifier.inputDims.slice(1), classes: classifier.classes, classifier };
}
