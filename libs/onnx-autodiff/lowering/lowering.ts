import { Emitter } from '../emitter.js';
import { Graph, type GraphNode } from '../graph.js';
import type { SemanticOperation } from '../ops/semantic.js';
import { simplify } from './simplify.js';

/** Writes one gradient operation with operations of ONNX; gives the name of its result. */
export type Lowering = (emit: Emitter, node: GraphNode) => string;
/** An executor's lowerings: exhaustive, so that a new gradient operation does not compile without them. */
export type Lowerings = Readonly<Record<SemanticOperation, Lowering> & Partial<Record<string, Lowering>>>;

/** The same graph in plain ONNX, without repetition. */
export function lower(graph: Graph, lowerings: Lowerings): Graph {
  const result = new Graph(graph);
  const emit = new Emitter(result);
  const renamed = new Map<string, string>();
  const rename = (name: string) => renamed.get(name) ?? name;
  for (const name of graph.inputs) result.input(name, graph.dims(name), graph.type(name));
  for (const [name, { data, dims, type }] of graph.constants) result.constant(data, dims, type, name);
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(rename);
    const [output = ''] = node.outputs;
    const lowering = Object.hasOwn(lowerings, node.op) ? lowerings[node.op] : undefined;
    if (lowering) renamed.set(output, lowering(emit, { ...node, inputs }));
    else
      result.append(
        { ...node, inputs },
        node.outputs.map((name) => (name === '' ? { type: 'float32' } : graph.value(name))),
      );
  }
  for (const name of graph.outputs) result.output(rename(name), name);
  return simplify(result);
}
