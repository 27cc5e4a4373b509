import { MalformedModelError, UnsupportedModelError } from './errors.js';
import type { Executor } from './executor.js';
import { Graph } from './graph.js';
import type { Network } from './model.js';
import type { Tensor } from './tensor.js';

/** Runs a network once and keeps every tensor: their shapes and types are those of this batch size from then on. */
export async function probe(
  network: Network,
  inputs: ReadonlyMap<string, Tensor>,
  executor: Executor,
): Promise<Map<string, Tensor>> {
  const graph = new Graph();
  for (const [name, { dims, type }] of inputs) graph.input(name, dims, type);
  for (const [name, { data, dims, type }] of network.constants) graph.constant(data, dims, type, name);
  for (const node of network.nodes) {
    graph.append(node, []);
    for (const name of node.outputs) if (name !== '') graph.output(name);
  }
  try {
    const compiled = await executor.compile(graph);
    try {
      return new Map(Object.entries(await compiled.run(Object.fromEntries(inputs))));
    } finally {
      await compiled.release();
    }
  } catch (error) {
    if (error instanceof MalformedModelError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const shapes = [...inputs].map(([name, { dims }]) => `"${name}" [${dims.join(', ')}]`).join(', ');
    throw new UnsupportedModelError(`the model does not run on input ${shapes}: ${reason}`, {}, { cause: error });
  }
}
