import { appendProbed } from './appendProbed.js';
import { Emitter } from './emitter.js';
import { UnsupportedModelError } from './errors.js';
import { Graph, type GraphNode, leadingTo } from './graph.js';
import type { Network, OnnxModel } from './model.js';
import { elementCount, sameDims, type Tensor } from './tensor.js';

/** What turns logits into probabilities, or changes nothing. */
const headOperations = new Set(['Softmax', 'LogSoftmax', 'Sigmoid', 'Identity']);
/** Operations that change nothing where the shape and the type stay the same. */
const shapeOperations = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Expand', 'Cast']);

/**
 * The network as a graph of static shapes whose inputs are x and the weights and whose output is the logits. What
 * depends on neither x nor the weights (shapes computed in the graph, say) has become constants.
 */
export function template(
  model: OnnxModel,
  network: Network,
  probed: ReadonlyMap<string, Tensor>,
  inputDims: readonly number[],
): Graph {
  const weights = new Map([...model.parameters, ...model.statistics].map((weight) => [weight.name, weight]));
  const { nodes, constants, rename } = folded(network, probed, new Set(weights.keys()));
  const graph = new Graph(new Set([...probed.keys(), ...network.constants.keys()]));
  graph.input(model.input.name, inputDims);
  for (const { name, dims } of weights.values()) graph.input(name, dims);
  const logits = stripHead(rename(model.output.name), nodes);
  const kept = leadingTo([logits], nodes);
  const used = new Set(kept.flatMap((node) => node.inputs));
  for (const [name, { data, dims, type }] of constants) if (used.has(name)) graph.constant(data, dims, type, name);
  appendProbed(graph, kept, probed);
  if (!graph.has(logits)) throw new UnsupportedModelError('its output does not depend on its input');
  graph.output(asLogits(graph, logits, inputDims[0] ?? 1));
  return graph;
}

/** The nodes that depend on x or the weights; the rest are constants or other names of the same tensor. */
export function folded(network: Network, probed: ReadonlyMap<string, Tensor>, weights: ReadonlySet<string>) {
  const constants = new Map([...network.constants].filter(([name]) => !weights.has(name)));
  const aliases = new Map<string, string>();
  const rename = (name: string): string => aliases.get(name) ?? name;
  const nodes: GraphNode[] = [];
  for (const source of network.nodes) {
    const node = { ...source, inputs: source.inputs.map(rename) };
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    const fixed = node.inputs.every((name) => name === '' || constants.has(name));
    if (fixed || node.op === 'Shape' || node.op === 'Size') {
      for (const name of node.outputs) if (probed.has(name)) constants.set(name, probed.get(name) as Tensor);
    } else if (shapeOperations.has(node.op) && sameValue(probed.get(input), probed.get(output)))
      aliases.set(output, input);
    else nodes.push(node);
  }
  return { nodes, constants, rename };
}

const sameValue = (a: Tensor | undefined, b: Tensor | undefined): boolean =>
  a !== undefined && b !== undefined && a.type === b.type && sameDims(a.dims, b.dims);

function stripHead(output: string, nodes: readonly GraphNode[]): string {
  const producer = nodes.find((node) => node.outputs.includes(output));
  return producer && headOperations.has(producer.op) ? stripHead(producer.inputs[0] ?? '', nodes) : output;
}

/** [batch, classes]. A single output z means two classes with the logits 0 and z, as Sigmoid(z) would have it. */
function asLogits(graph: Graph, name: string, batch: number): string {
  const emit = new Emitter(graph);
  const dims = emit.dims(name);
  if (dims[0] !== batch || graph.type(name) !== 'float32')
    throw new UnsupportedModelError(
      `the output should be float32 scores of shape [batch, classes], not ${graph.type(name)} [${dims.join(', ')}] for ${batch} rows`,
    );
  const scores = emit.reshape(name, [batch, elementCount(dims.slice(1))]);
  return emit.dims(scores)[1] === 1 ? emit.concat([emit.zeros([batch, 1]), scores], 1) : scores;
}
