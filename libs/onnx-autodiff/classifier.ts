import { disagreement, type Write } from './batchLast/agreement.js';
import { batchLast } from './batchLast/layout.js';
import { inputDimsAt, networkAt } from './batchSize.js';
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

async function readClassifier(
  model: OnnxModel,
  { batch, executor, lowering = 'plain' }: LoadOptions,
): Promise<Classifier> {
  const source = await readNetwork(model, batch, executor);
  const fast = lowering === 'plain' ? 'plain was asked for' : await fastNetwork(model, source, executor);
  const [logits = ''] = source.outputs;
  const tensors = (weights: readonly ModelParameter[]) => weightTensors(source, weights);
  return {
    batch,
    classes: source.dims(logits)[1] ?? 1,
    inputDims: inputDimsAt(model, batch),
    parameters: tensors(model.parameters),
    statistics: tensors(model.statistics),
    instantiate: writer(model, typeof fast === 'string' ? source : fast),
    lowering: typeof fast === 'string' ? { kind: 'plain', why: fast } : { kind: 'fast' },
  };
}

async function readNetwork(model: OnnxModel, batch: number, executor: Executor): Promise<Graph> {
  const inputDims = inputDimsAt(model, batch);
  const network = networkAt(model, batch);
  const probed = await probe(network, new Map([[model.input.name, noise(inputDims)]]), executor);
  return template(model, network, probed, inputDims);
}

const writer =
  (model: OnnxModel, source: Graph): Classifier['instantiate'] =>
  (graph, x, weights, prefix) =>
    copyInto(graph, source, new Map([...weights, [model.input.name, x]]), prefix)(source.outputs[0] ?? '');

/** Those that the network uses. */
function weightTensors(source: Graph, weights: readonly ModelParameter[]): Map<string, Tensor> {
  const used = new Set(source.nodes.flatMap((node) => node.inputs));
  return new Map(
    weights.filter(({ name }) => used.has(name)).map(({ name, data, dims }) => [name, floats(data, dims)]),
  );
}

/** Or why not. */
async function fastNetwork(model: OnnxModel, source: Graph, executor: Executor): Promise<Graph | string> {
  if (!executor.batchLast) return `${executor.name} has no faster operations`;
  const rows = source.dims(source.outputs[0] ?? '')[0] ?? 1;
  if (rows < FEWEST_ROWS) return `a batch of ${rows} is too small for faster operations`;
  const network = batchLast(source, model.input.name);
  if (typeof network === 'string') return network;
  const verdict = verdicts.get(model) ?? compare(model, executor);
  verdicts.set(model, verdict);
  return (await verdict) ?? network;
}

/** Of one model, whatever the batch size: a service loads a model many times. */
const verdicts = new WeakMap<OnnxModel, Promise<string | undefined>>();
const COMPARED_ROWS = 2;
/** As wide as the inner loop of ONNX Runtime's matrix product. */
const FEWEST_ROWS = 16;

async function compare(model: OnnxModel, executor: Executor): Promise<string | undefined> {
  const plain = await readNetwork(model, COMPARED_ROWS, executor);
  const fast = batchLast(plain, model.input.name);
  if (typeof fast === 'string') return fast;
  const tensors = {
    parameters: weightTensors(plain, model.parameters),
    statistics: weightTensors(plain, model.statistics),
  };
  const write =
    (source: Graph): Write =>
    (graph, x) => {
      // Inputs: constants would be transformed while the graph is compiled, which is slow.
      const logits = writer(model, source)(graph, x, weightInputs(graph, tensors), '');
      return { logits, feeds: Object.fromEntries([...tensors.parameters, ...tensors.statistics]) };
    };
  return disagreement([write(plain), write(fast)], inputDimsAt(model, COMPARED_ROWS), executor);
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
