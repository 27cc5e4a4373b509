import { type Classifier, type Executor, loadClassifier, type OnnxModel, ortExecutor } from '#onnx-autodiff';

/** What a command computes with. */
export interface Engine {
  executor: Executor;
  name: string;
  threads: number;
}

export function engineOf({ threads }: { threads: number }): Engine {
  const executor = ortExecutor({ threads });
  return { executor, name: executor.name, threads };
}

/** What the data has to look like: the shape of one row, and how many classes there are. */
export async function shapeOf(
  model: OnnxModel,
  { executor }: Engine,
): Promise<{ dims: readonly number[]; classes: number; classifier: Classifier }> {
  const classifier = await loadClassifier(model, { batch: 1, executor });
  return { dims: classifier.inputDims.slice(1), classes: classifier.classes, classifier };
}
