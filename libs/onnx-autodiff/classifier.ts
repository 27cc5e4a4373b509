import { disagreement, type Write } from './batchLast/agreement.js';
import { batchLast } from './batchLast/layout.js';
import { inputDimsAt, networkAt } from './batchSize.js';
import { withBatchStatistics } from './batchStatistics.js';
import { UnsupportedModelError } from './errors.js';
import type { Executor } from './executor.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import type { ModelParameter, OnnxModel } from './model.js';
import { probe } from './probe.js';
import { normalStream } from './random.js';
import { template } from './template.js';
import { elementCount, floats, type Tensor } from './tensor.js';

/** A model's forward pass at one batch size, to be written into graphs. */
export interface Classifier {
  readonly batch: number;
  readonly classes: number;
  /** [batch, ...]. */
  readonly inputDims: readonly number[];
  /** What training may change, by name. */
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

/** `fast`: batch last, Winograd's convolutions; checked against `plain` on two rows. `why` it is plain. */
export type LoweringChoice = { readonly kind: 'fast' } | { readonly kind: 'plain'; readonly why: string };

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
  const { network, lowering } = await lowered(model, 'inference', source, options);
  const [logits = ''] = source.outputs;
  const tensors = (weights: readonly ModelParameter[]) => weightTensors(source, weights);
  return {
    batch: options.batch,
    classes: source.dims(logits)[1] ?? 1,
    inputDims: inputDimsAt(model, options.batch),
    parameters: tensors(model.parameters),
    statistics: tensors(model.statistics),
    instantiate: (graph, x, weights, prefix) =>
      copyInto(graph, network, new Map([...weights, [model.input.name, x]]), prefix)(logits),
    async forTraining() {
      const training = forms.training(model, source);
      const { network, lowering } = await lowered(model, 'training', training.network, options);
      return {
        lowering,
        instantiate(graph, x, weights, prefix) {
          const renamed = copyInto(graph, network, new Map([...weights, [model.input.name, x]]), prefix);
          const { statistics } = training;
          return {
            logits: renamed(logits),
            statistics: new Map([...statistics].map(([name, next]) => [name, renamed(next)])),
          };
        },
      };
    },
    lowering,
  };
}

/** What of a network is computed. */
const forms = {
  inference: (_model: OnnxModel, network: Graph) => ({ network }),
  training: (model: OnnxModel, network: Graph) =>
    withBatchStatistics(network, new Set(model.statistics.map(({ name }) => name))),
};
type Form = keyof typeof forms;

async function lowered(
  model: OnnxModel,
  form: Form,
  plain: Graph,
  { executor, lowering = 'plain' }: LoadOptions,
): Promise<{ network: Graph; lowering: LoweringChoice }> {
  const fast = lowering === 'plain' ? 'plain was asked for' : await fastNetwork(model, form, plain, executor);
  if (typeof fast === 'string') return { network: plain, lowering: { kind: 'plain', why: fast } };
  return { network: fast, lowering: { kind: 'fast' } };
}

async function readNetwork(model: OnnxModel, batch: number, executor: Executor): Promise<Graph> {
  const inputDims = inputDimsAt(model, batch);
  const network = networkAt(model, batch);
  const probed = await probe(network, new Map([[model.input.name, noise(inputDims)]]), executor);
  return template(model, network, probed, inputDims);
}

/** Those that the network uses. */
function weightTensors(source: Graph, weights: readonly ModelParameter[]): Map<string, Tensor> {
  const used = new Set(source.nodes.flatMap((node) => node.inputs));
  return new Map(
    weights.filter(({ name }) => used.has(name)).map(({ name, data, dims }) => [name, floats(data, dims)]),
  );
}

/** Or why not. */
async function fastNetwork(model: OnnxModel, form: Form, plain: Graph, executor: Executor): Promise<Graph | string> {
  if (!executor.batchLast) return `${executor.name} has no faster operations`;
  const rows = plain.dims(plain.outputs[0] ?? '')[0] ?? 1;
  if (rows < FEWEST_ROWS) return `a batch of ${rows} is too small for faster operations`;
  const network = batchLast(plain, model.input.name);
  if (typeof network === 'string') return network;
  const verdict = verdicts[form].get(model) ?? compare(model, form, executor);
  verdicts[form].set(model, verdict);
  return (await verdict) ?? network;
}

type Verdicts = WeakMap<OnnxModel, Promise<string | undefined>>;
/** Of one model, whatever the batch size: a service loads a model many times. */
const verdicts: Record<Form, Verdicts> = { inference: new WeakMap(), training: new WeakMap() };
/** Two rows by their own statistics are opposites, whatever the network: nothing to compare. */
const COMPARED_ROWS: Record<Form, number> = { inference: 2, training: 8 };
/** As wide as the inner loop of ONNX Runtime's matrix product. */
const FEWEST_ROWS = 16;

async function compare(model: OnnxModel, form: Form, executor: Executor): Promise<string | undefined> {
  const rows = COMPARED_ROWS[form];
  const source = await readNetwork(model, rows, executor);
  const plain = forms[form](model, source).network;
  const fast = batchLast(plain, model.input.name);
  if (typeof fast === 'string') return fast;
  const tensors = {
    parameters: weightTensors(source, model.parameters),
    statistics: weightTensors(source, model.statistics),
  };
  const write =
    (network: Graph): Write =>
    (graph, x) => {
      // Inputs: constants would be transformed while the graph is compiled, which is slow.
      const names = new Map([...weightInputs(graph, tensors), [model.input.name, x]]);
      const logits = copyInto(graph, network, names, '')(network.outputs[0] ?? '');
      return { logits, feeds: Object.fromEntries([...tensors.parameters, ...tensors.statistics]) };
    };
  return disagreement([write(plain), write(fast)], inputDimsAt(model, rows), executor);
}

const noise = (dims: readonly number[]): Tensor =>
  floats(Float32Array.from({ length: elementCount(dims) }, normalStream(1)), dims);

/** Copies the nodes and gives the new names. */
function copyInto(graph: Graph, source: Graph, names: Map<string, string>, prefix: string): (name: string) => string {
  const renamed = (name: string): string => (name === '' ? '' : (names.get(name) ?? name));
  const used = new Set(source.nodes.flatMap((node) => node.inputs));
  for (const [name, { data, dims, type }] of source.constants)
    if (used.has(name)) names.set(name, graph.constant(data, dims, type));
  for (const node of source.nodes) {
    const outputs = node.outputs.map((name) => (name === '' ? '' : graph.fresh(`${prefix}${name}`)));
    node.outputs.forEach((name, i) => names.set(name, outputs[i] ?? ''));
    graph.append(
      { ...node, inputs: node.inputs.map(renamed), outputs },
      node.outputs.map((name) => (name === '' ? { type: 'float32' } : source.value(name))),
    );
  }
  return renamed;
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

/** Every parameter and statistic as a constant: faster to run, but fixed. `values` replaces those of the file. */
export function bakeWeights(
  graph: Graph,
  { parameters, statistics }: Classifier,
  values: ReadonlyMap<string, Float32Array> = new Map(),
): Map<string, string> {
  return new Map(
    [...parameters, ...statistics].map(([name, { data, dims }]) => [
      name,
      graph.constant(values.get(name) ?? data, dims),
    ]),
  );
}
