import { UnsupportedModelError } from './errors.js';
import type { GraphNode } from './graph.js';
import type { Network, OnnxModel } from './model.js';
import { asNumbers, type Tensor } from './tensor.js';

/** The shape of an input of `batch` rows. */
export function inputDimsAt({ input }: OnnxModel, batch: number): number[] {
  const row = input.dims.slice(1).map((dim, axis) => {
    if (dim === null)
      throw new UnsupportedModelError(
        `axis ${axis + 1} of the input "${input.name}" has no fixed size; export with a fixed one (only the batch may vary)`,
      );
    return dim;
  });
  return [batch, ...row];
}

/** A file exported for one batch size often has that size written into its Reshape nodes: there it becomes `batch`. */
export function networkAt({ network, input }: OnnxModel, batch: number): Network {
  const exported = input.dims[0];
  if (exported === null || exported === undefined || exported === batch) return network;
  const constants = new Map(network.constants);
  const ofRows = new Set([input.name]);
  const nodes = network.nodes.map((node): GraphNode => {
    if (!node.inputs.some((name) => ofRows.has(name))) return node;
    for (const name of node.outputs) ofRows.add(name);
    const shape = constants.get(node.inputs[1] ?? '');
    if (node.op !== 'Reshape' || !shape || Number(shape.data[0]) !== exported) return node;
    const name = `${node.outputs[0] ?? ''}@batch`;
    const dims = [batch, ...asNumbers(shape).slice(1)];
    constants.set(name, { type: 'int64', dims: shape.dims, data: BigInt64Array.from(dims, BigInt) } satisfies Tensor);
    return { ...node, inputs: [node.inputs[0] ?? '', name] };
  });
  return { nodes, constants };
}
