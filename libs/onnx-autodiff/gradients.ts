import { batchLastOperationOf } from './batchLast/operations.js';
import { Emitter } from './emitter.js';
import type { Graph } from './graph.js';
import { Backward } from './ops/definition.js';
import { operationOf } from './ops/registry.js';

export interface GradientOptions {
  /** Tensors that count as constants although they depend on `wrt`, such as the result of an attack on the weights' model. */
  readonly constants?: readonly string[];
}

/**
 * Reverse mode: appends to the graph the nodes that compute, for each tensor of `wrt`, the sum over the seeds of
 * (adjoint of the seed) x (derivative of the seed by the tensor). `seeds` maps tensors to their adjoints.
 */
export function gradients(
  graph: Graph,
  seeds: ReadonlyMap<string, string>,
  wrt: readonly string[],
  { constants = [] }: GradientOptions = {},
): Map<string, string> {
  const emit = new Emitter(graph);
  const forward = [...graph.nodes];
  const dependent = dependentTensors(graph, wrt, new Set(constants));
  const adjoints = new Map<string, string[]>();
  for (const [tensor, adjoint] of seeds) adjoints.set(tensor, [adjoint]);

  const total = (tensor: string): string | undefined => {
    const parts = adjoints.get(tensor);
    if (!parts || parts.length < 2) return parts?.[0];
    const sum =
      parts.length === 2 ? emit.add(...(parts as [string, string])) : emit.apply('Sum', parts, {}, graph.dims(tensor));
    adjoints.set(tensor, [sum]);
    return sum;
  };

  for (const node of forward.reverse()) {
    const needs = (input: number) => dependent.has(node.inputs[input] ?? '');
    if (!node.outputs.some((name) => adjoints.has(name)) || !node.inputs.some((_, i) => needs(i))) continue;
    const operation = operationOf(node.op) ?? batchLastOperationOf(node.op);
    const gradient = operation && 'gradient' in operation ? operation.gradient : undefined;
    if (gradient === undefined) throw new Error(`${node.op} has no gradient: is a tensor missing in \`constants\`?`);
    if (gradient === 'none') continue;
    const backward = new Backward(emit, node, node.outputs.map(total), needs);
    if (gradient === 'constants only') throw backward.unsupported('a result that depends on the input or on weights');
    gradient(backward).forEach((adjoint, i) => {
      const name = node.inputs[i] ?? '';
      if (adjoint !== undefined && adjoint !== false && needs(i))
        adjoints.set(name, [...(adjoints.get(name) ?? []), adjoint]);
    });
  }
  return new Map(wrt.map((name) => [name, total(name) ?? emit.zeros(graph.dims(name))]));
}

function dependentTensors(graph: Graph, wrt: readonly string[], constants: ReadonlySet<string>): Set<string> {
  const dependent = new Set(wrt);
  for (const node of graph.nodes)
    if (node.inputs.some((name) => dependent.has(name)))
      for (const name of node.outputs) if (name !== '' && !constants.has(name)) dependent.add(name);
  return dependent;
}
