import { Emitter } from '../emitter.js';
import type { Graph } from '../graph.js';
import { simplify } from '../lowering/simplify.js';
import { copyNode, emptyCopy } from '../rewriting.js';
import { rewritten } from './rewrites.js';
import { rules } from './rules.js';
import { LayoutTensors } from './tensors.js';

/**
 * The same network with the batch as the innermost axis of every tensor where rules for its operations exist, and its
 * convolutions by the algorithm that suits each. Input, weights and logits stay as they are. A string says why it would not pay.
 */
export function batchLast(plain: Graph, inputName: string): Graph | string {
  const source = rewritten(plain);
  const result = emptyCopy(source);
  const emit = new Emitter(result);
  const dims = source.dims.bind(source);
  const producer = (name: string) => source.nodes.find(({ outputs }) => outputs.includes(name));
  const tensors = new LayoutTensors(emit, dims, inputName, dims(inputName)[0] ?? 1);
  let convolutions = 0;
  for (const node of source.nodes) {
    const dependent = node.inputs.some(tensors.dependsOnInput);
    const written = dependent ? rules.get(node.op)?.(node, { emit, tensors, dims, producer }) : undefined;
    if (written) {
      if (node.op === 'Conv') convolutions++;
      tensors.add(node.outputs[0] ?? '', written);
      continue;
    }
    copyNode(
      source,
      result,
      node,
      node.inputs.map((name) => tensors.first(name)),
    );
    if (dependent) for (const name of node.outputs) if (name !== '') tensors.addBatchFirst(name);
  }
  if (convolutions === 0) return 'it has no convolution that another algorithm computes faster';
  if (tensors.borders > convolutions)
    return `its tensors would change their layout ${tensors.borders} times for ${convolutions} convolutions`;
  for (const name of source.outputs) result.output(tensors.first(name), name);
  return simplify(result);
}
