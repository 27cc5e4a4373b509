import { asNumbers, type Graph, type GraphNode } from '#onnx-autodiff';
import type { NativeTensor } from '../native.js';
import type { Operations } from '../operations.js';

/** Runs one node: tensors in, tensors out, everything else fixed. An input that is left out is undefined. */
export type Kernel = (inputs: readonly NativeTensor[]) => readonly NativeTensor[];

/** Looks once at a node; undefined where TensorFlow cannot do what its attributes or its types ask. */
export type KernelFactory = (node: GraphNode, graph: Graph, operations: Operations) => Kernel | undefined;

/** Values of an input that is a constant. */
export function constantOf(graph: Graph, node: GraphNode, input: number): readonly number[] | undefined {
  const constant = graph.constants.get(node.inputs[input] ?? '');
  return constant && asNumbers(constant);
}

export const dimsOf = (graph: Graph, node: GraphNode): readonly number[] => graph.dims(node.outputs[0] ?? '');
