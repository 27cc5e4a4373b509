import { type CompiledGraph, Graph, type GraphNode, ortExecutor } from '#onnx-autodiff';

/** One node in ONNX Runtime, for operations that the TensorFlow executor does not have. */
export function compileHostNode(node: GraphNode, graph: Graph): Promise<CompiledGraph> {
  const single = new Graph();
  for (const name of new Set(node.inputs)) {
    if (name === '') continue;
    const constant = graph.constants.get(name);
    const { type, dims = [] } = graph.value(name);
    if (constant) single.constant(constant.data, dims, type, name);
    else single.input(name, dims, type);
  }
  single.append(
    node,
    node.outputs.map((name) => (name === '' ? { type: 'float32' } : graph.value(name))),
  );
  for (const name of node.outputs) if (name !== '') single.output(name);
  return ortExecutor({ threads: 1 }).compile(single);
}
