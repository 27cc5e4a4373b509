import { Graph, type GraphNode } from './graph.js';

/** Inputs and constants of a graph. */
export function emptyCopy(source: Graph, inputDims = (name: string): readonly number[] => source.dims(name)): Graph {
  const result = new Graph(source);
  for (const name of source.inputs) result.input(name, inputDims(name), source.type(name));
  for (const [name, { data, dims, type }] of source.constants) result.constant(data, dims, type, name);
  return result;
}

export const copyNode = (source: Graph, result: Graph, node: GraphNode, inputs: readonly string[]): void => {
  result.append(
    { ...node, inputs },
    node.outputs.map((name) => (name === '' ? { type: 'float32' } : source.value(name))),
  );
};
