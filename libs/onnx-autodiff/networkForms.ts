import { disagreement, type Write } from './batchLast/agreement.js';
import { batchLast } from './batchLast/layout.js';
import { hoistLayouts, inLayout, type WeightLayouts } from './batchLast/weightLayout.js';
import { inputDimsAt, networkAt } from './batchSize.js';
import { withBatchStatistics } from './batchStatistics.js';
import type { Executor } from './executor.js';
import { Graph } from './graph.js';
import type { ModelParameter, OnnxModel } from './model.js';
import { probe } from './probe.js';
import { normalStream } from './random.js';
import { template } from './template.js';
import { elementCount, floats, type Tensor } from './tensor.js';

/** `fast`: batch last, Winograd's convolutions; checked against `plain` on a few rows. `why` it is plain. */
export type LoweringChoice = { readonly kind: 'fast' } | { readonly kind: 'plain'; readonly why: string };

/** A network whose inputs are x and the weights, and how those lie. */
export interface Network {
  readonly graph: Graph;
  readonly layouts: WeightLayouts;
}

/** What of a network is computed. */
export const forms = {
  inference: (_model: OnnxModel, network: Graph) => ({ network }),
  training: (model: OnnxModel, network: Graph) =>
    withBatchStatistics(network, new Set(model.statistics.map(({ name }) => name))),
};
export type Form = keyof typeof forms;

/** As the file has it, with shapes read by running it once. */
export async function readNetwork(model: OnnxModel, batch: number, executor: Executor): Promise<Graph> {
  const inputDims = inputDimsAt(model, batch);
  const network = networkAt(model, batch);
  const probed = await probe(network, new Map([[model.input.name, noise(inputDims)]]), executor);
  return template(model, network, probed, inputDims);
}

const noise = (dims: readonly number[]): Tensor =>
  floats(Float32Array.from({ length: elementCount(dims) }, normalStream(1)), dims);

export async function lowered(
  model: OnnxModel,
  form: Form,
  plain: Graph,
  { executor, lowering = 'plain' }: { executor: Executor; lowering?: LoweringChoice['kind'] | undefined },
): Promise<Network & { lowering: LoweringChoice }> {
  const fast = lowering === 'plain' ? 'plain was asked for' : await fastNetwork(model, form, plain, executor);
  return typeof fast === 'string'
    ? { ...asInFile(plain), lowering: { kind: 'plain', why: fast } }
    : { ...fast, lowering: { kind: 'fast' } };
}

const asInFile = (graph: Graph): Network => ({ graph, layouts: new Map() });

/** Or why not. */
async function fastNetwork(model: OnnxModel, form: Form, plain: Graph, executor: Executor): Promise<Network | string> {
  if (!executor.batchLast) return `${executor.name} has no faster operations`;
  const rows = plain.dims(plain.outputs[0] ?? '')[0] ?? 1;
  if (rows < FEWEST_ROWS) return `a batch of ${rows} is too small for faster operations`;
  const network = fastForm(model, form, plain);
  if (typeof network === 'string') return network;
  const verdict = verdicts[form].get(model) ?? compare(model, form, executor);
  verdicts[form].set(model, verdict);
  return (await verdict) ?? network;
}

/** Attack and training read the same weights: one layout, that of inference. */
function fastForm(model: OnnxModel, form: Form, plain: Graph): Network | string {
  const graph = batchLast(plain, model.input.name);
  if (typeof graph === 'string') return graph;
  const parameters = model.parameters.map(({ name }) => name);
  return form === 'inference' ? hoistLayouts(graph, parameters) : asInFile(graph);
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
  const fast = fastForm(model, form, plain);
  if (typeof fast === 'string') return fast;
  const tensors = weightTensors(source, [...model.parameters, ...model.statistics]);
  const write =
    ({ graph: network, layouts }: Network): Write =>
    (graph, x) => {
      // Inputs: constants would be transformed while the graph is compiled, which is slow.
      const feeds = [...tensors].map(([name, tensor]) => [name, inLayout(layouts, name, tensor)] as const);
      const names = feeds.map(([name, { dims }]) => [name, graph.input(name, dims)] as const);
      const renamed = copyInto(graph, network, new Map([...names, [model.input.name, x]]), '');
      return { logits: renamed(network.outputs[0] ?? ''), feeds: Object.fromEntries(feeds) };
    };
  return disagreement([write(asInFile(plain)), write(fast)], inputDimsAt(model, rows), executor);
}

/** Those that the network uses. */
export function weightTensors(source: Graph, weights: readonly ModelParameter[]): Map<string, Tensor> {
  const used = new Set(source.nodes.flatMap((node) => node.inputs));
  return new Map(
    weights.filter(({ name }) => used.has(name)).map(({ name, data, dims }) => [name, floats(data, dims)]),
  );
}

/** Copies the nodes and gives the new names. */
export function copyInto(
  graph: Graph,
  source: Graph,
  names: Map<string, string>,
  prefix: string,
): (name: string) => string {
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
