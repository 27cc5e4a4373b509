import { Emitter } from './emitter.js';
import type { Graph, GraphNode, ValueType } from './graph.js';
import { operationOf } from './ops/registry.js';

/** Appends nodes whose shapes a probe has found; those that have an expansion are written out, under the same names. */
export function appendProbed(graph: Graph, nodes: readonly GraphNode[], probed: ReadonlyMap<string, ValueType>): void {
  const emit = new Emitter(graph);
  for (const node of nodes) {
    const values = node.outputs.map((name): ValueType => probed.get(name) ?? { type: 'float32' });
    const operation = operationOf(node.op);
    const expanded = operation && 'expand' in operation ? operation.expand?.(emit, node, values) : undefined;
    if (!expanded) graph.append(node, values);
    else
      node.outputs.forEach((name, i) => {
        const inputs = [expanded[i] ?? ''];
        if (name !== '') graph.append({ op: 'Identity', inputs, outputs: [name], attributes: {} }, [values[i]!]);
      });
  }
}
