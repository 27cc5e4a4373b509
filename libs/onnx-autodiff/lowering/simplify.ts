import { Graph, type GraphNode } from '../graph.js';
import type { Tensor } from '../tensor.js';

/** The same graph without repeated and without unused nodes and constants. */
export function simplify(graph: Graph): Graph {
  const nodes = dropUnused(nameOutputs(mergeRepeated(graph), graph), graph.outputs);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const result = new Graph();
  for (const name of graph.inputs) result.input(name, graph.dims(name), graph.type(name));
  for (const [name, { data, dims, type }] of graph.constants)
    if (used.has(name)) result.constant(data, dims, type, name);
  for (const node of nodes)
    result.append(
      node,
      node.outputs.map((name) => (name === '' ? { type: 'float32' } : graph.value(name))),
    );
  for (const name of graph.outputs) result.output(name);
  return result;
}

interface MutableNode extends GraphNode {
  outputs: string[];
}

/** Common subexpression elimination. Outputs of the graph keep their names; of two equal nodes, the one with more outputs serves both. */
function mergeRepeated(graph: Graph): MutableNode[] {
  const outputs = new Set(graph.outputs);
  const renamed = new Map<string, string>();
  const first = new Map<string, MutableNode>();
  const kept: MutableNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => renamed.get(name) ?? name);
    const copy: MutableNode = { ...node, inputs, outputs: [...node.outputs] };
    const key = `${node.op}|${inputs.join('|')}|${JSON.stringify(node.attributes, describeTensor)}`;
    const same = first.get(key);
    if (!same || node.op.startsWith('Random') || node.outputs.some((name) => outputs.has(name))) {
      if (!same) first.set(key, copy);
      kept.push(copy);
      continue;
    }
    node.outputs.forEach((name, index) => {
      const existing = same.outputs[index];
      if (existing === undefined || existing === '') same.outputs[index] = name;
      else if (name !== '') renamed.set(name, existing);
    });
  }
  return kept;
}

/** Attributes that are tensors occur in small constants only. */
const describeTensor = (_key: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as Tensor['data'] as ArrayLike<number | bigint>, String) : value;

/** A node that gives an output of the graph through Identity alone gives it itself: no copy. */
function nameOutputs(nodes: readonly MutableNode[], graph: Graph): MutableNode[] {
  const outputs = new Set(graph.outputs);
  const produced = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const kept = nodes.filter(({ op, inputs: [input = ''], outputs: [output = ''] }) => {
    const direct = op === 'Identity' && outputs.has(output) && produced.has(input) && !outputs.has(input);
    if (!direct || renamed.has(input)) return true;
    renamed.set(input, output);
    return false;
  });
  const rename = (name: string) => renamed.get(name) ?? name;
  return kept.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }));
}

/** Dead code elimination; trailing outputs that nobody reads go too, since they can cost a slower kernel. */
function dropUnused(nodes: readonly MutableNode[], outputs: readonly string[]): GraphNode[] {
  const needed = new Set(outputs);
  const kept: GraphNode[] = [];
  for (const node of nodes.toReversed()) {
    const lastUsed = node.outputs.findLastIndex((name) => needed.has(name));
    if (lastUsed < 0) continue;
    for (const name of node.inputs) needed.add(name);
    kept.push({ ...node, outputs: node.op === 'Split' ? node.outputs : node.outputs.slice(0, lastUsed + 1) });
  }
  return kept.reverse();
}
