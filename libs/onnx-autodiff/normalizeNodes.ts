import { MalformedModelError, UnsupportedModelError } from './errors.js';
import type { GraphNode } from './graph.js';
import type { Importing } from './ops/definition.js';
import { operationOf } from './ops/registry.js';
import type { Tensor } from './tensor.js';

/** The nodes as opset 17 writes them; adds to `constants` what used to be attributes and Constant nodes. */
export function normalizeNodes(
  nodes: readonly GraphNode[],
  opset: number,
  constants: Map<string, Tensor>,
): GraphNode[] {
  const taken = new Set([...constants.keys(), ...nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])]);
  let counter = 0;
  const fresh = (prefix: string): string => {
    let name: string;
    do name = `${prefix}_${counter++}`;
    while (taken.has(name));
    taken.add(name);
    return name;
  };
  const constant = (tensor: Tensor, name: string = fresh('constant')): string => {
    if (constants.has(name)) throw new MalformedModelError(`two constants are named "${name}"`);
    constants.set(name, tensor);
    return name;
  };
  const file: Importing = {
    opset,
    constant,
    fresh,
    integers: (values) =>
      constant({ type: 'int64', dims: [values.length], data: BigInt64Array.from(values.map(wholeNumber)) }),
    scalar: (value) => constant({ type: 'float32', dims: [], data: Float32Array.of(value) }),
    constantOf: (name) => constants.get(name ?? ''),
    unsupported: ({ op, name }, what) =>
      new UnsupportedModelError(
        `${op} node "${name ?? ''}" (opset ${opset}): ${what} is not supported; change the model and export again`,
        { op, ...(name !== undefined && { node: name }), opset },
      ),
  };
  return nodes.flatMap((node) => rewritten(node, file));
}

/** A rewritten operation may consist of operations that are rewritten too. */
function rewritten(node: GraphNode, file: Importing): readonly GraphNode[] {
  const operation = operationOf(node.op);
  if (!operation) return [node];
  if ('rewrite' in operation) return operation.rewrite(node, file).flatMap((part) => rewritten(part, file));
  return operation.normalize?.(node, file) ?? [node];
}

function wholeNumber(value: unknown): bigint {
  if (!Number.isInteger(value)) throw new MalformedModelError(`${String(value)} stands where a whole number should be`);
  return BigInt(value as number);
}
