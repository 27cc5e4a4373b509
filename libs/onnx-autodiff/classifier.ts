import { asInFile, toFileLayout, inLayout, toLayout } from './batchLast/weightLayout.js';
import { inputDimsAt } from './batchSize.js';
import { UnsupportedModelError } from './errors.js';
import type { Executor } from './executor.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import type { OnnxModel } from './model.js';
import { copyInto, forms, lowered, type LoweringChoice, readNetwork, weightTensors } from './networkForms.js';
import type { Tensor } from './tensor.js';

/** A model's forward pass at one batch size, to be written into graphs. */
export interface Classifier {
  readonly batch: number;
  readonly classes: number;
  /** [batch, ...]. */
  readonly inputDims: readonly number[];
  /** What training may change, by name, in the layout in which the network reads it: see `toLayout`. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Running means and variances of batch normalisation. */
  readonly statistics: ReadonlyMap<string, Tensor>;
  /**
   * Writes the forward pass into a graph and gives the name of the logits, [batch, classes]. `weights` says which tensor
   * each parameter and statistic is (`weightInputs` or `bakeWeights`); `prefix` keeps several passes apart.
   */
  instantiate(graph: Graph, x: string, weights: ReadonlyMap<string, string>, prefix: string): string;
  /** The forward pass in training, where batch normalisation takes the statistics of the batch. */
  forTraining(): Promise<TrainingForward>;
  /** Numbers for the parameters, from the layout that they have in the file to that of `parameters`, and back. */
  readonly toLayout: (weights: ReadonlyMap<string, Float32Array>) => Map<string, Float32Array>;
  readonly toFile: (weights: ReadonlyMap<string, Float32Array>) => Map<string, Float32Array>;
  readonly lowering: LoweringChoice;
}

export interface TrainingForward {
  /** As that of the classifier; `statistics` are the tensors that hold the running statistics afterwards, by name. */
  instantiate(...to: Parameters<Classifier['instantiate']>): {
    readonly logits: string;
    readonly statistics: ReadonlyMap<string, string>;
  };
  readonly lowering: LoweringChoice;
}

export interface LoadOptions {
  readonly batch: number;
  readonly executor: Executor;
  /** `plain`, the default: as the file has it. `fast`: other operations, where the executor has them and they give the same. */
  readonly lowering?: LoweringChoice['kind'] | undefined;
}

/** Reads shapes by running the model once; throws UnsupportedModelError where it has no gradient. */
export async function loadClassifier(model: OnnxModel, options: LoadOptions): Promise<Classifier> {
  try {
    const classifier = await readClassifier(model, options);
    checkDifferentiable(classifier);
    return classifier;
  } catch (error) {
    throw error instanceof UnsupportedModelError ? error.inOpset(model.opset) : error;
  }
}

async function readClassifier(model: OnnxModel, options: LoadOptions): Promise<Classifier> {
  const source = await readNetwork(model, options.batch, options.executor);
  const { graph: network, layouts, lowering } = await lowered(model, 'inference', source, options);
  const [logits = ''] = source.outputs;
  const parameters = weightTensors(source, model.parameters);
  return {
    batch: options.batch,
    classes: source.dims(logits)[1] ?? 1,
    inputDims: inputDimsAt(model, options.batch),
    parameters: new Map([...parameters].map(([name, tensor]) => [name, inLayout(layouts, name, tensor)])),
    statistics: weightTensors(source, model.statistics),
    instantiate: (graph, x, weights, prefix) =>
      copyInto(graph, network, new Map([...weights, [model.input.name, x]]), prefix)(logits),
    async forTraining() {
      const training = forms.training(model, source);
      const { graph: network, lowering } = await lowered(model, 'training', training.network, options);
      return {
        lowering,
        instantiate(graph, x, weights, prefix) {
          const read = asInFile(graph, weights, layouts, parameters);
          const renamed = copyInto(graph, network, new Map([...read, [model.input.name, x]]), prefix);
          const { statistics } = training;
          return {
            logits: renamed(logits),
            statistics: new Map([...statistics].map(([name, next]) => [name, renamed(next)])),
          };
        },
      };
    },
    toLayout: (weights) => toLayout(layouts, weights),
    toFile: (weights) => toFileLayout(layouts, weights),
    lowering,
  };
}

/** Fails when a model is loaded, not when it is first attacked. */
function checkDifferentiable(classifier: Classifier): void {
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const x = graph.input('@x', classifier.inputDims);
  const logits = classifier.instantiate(graph, x, weights, '@');
  const wrt = [x, ...[...classifier.parameters.keys()].map((name) => weights.get(name) ?? '')];
  if (graph.inputs.includes(logits))
    throw new UnsupportedModelError('the output is the input: there is nothing to train');
  gradients(
    graph,
    new Map([
      [
        logits,
        graph.constant(new Float32Array(classifier.batch * classifier.classes), [classifier.batch, classifier.classes]),
      ],
    ]),
    wrt,
  );
}

/** Every parameter and statistic as an input of the graph under its own name. */
export function weightInputs(
  graph: Graph,
  { parameters, statistics }: Pick<Classifier, 'parameters' | 'statistics'>,
): Map<string, string> {
  return new Map([...parameters, ...statistics].map(([name, { dims }]) => [name, graph.input(name, dims)]));
}

/** Every parameter and statistic as a constant: faster to run, but fixed. */
export function bakeWeights(graph: Graph, { parameters, statistics }: Classifier): Map<string, string> {
  return new Map([...parameters, ...statistics].map(([name, { data, dims }]) => [name, graph.constant(data, dims)]));
}
