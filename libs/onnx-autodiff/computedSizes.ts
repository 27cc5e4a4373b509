import { UnsupportedModelError } from './errors.js';
import { type Graph, type GraphNode, leadingTo } from './graph.js';
import type { Tensor } from './tensor.js';

/** What a runtime says of nodes without running them. */
export interface InferredShapes {
  /** undefined where it cannot tell. */
  dims(name: string): readonly (number | undefined)[] | undefined;
}

/** Part of a graph: what computes `outputs`. */
export interface SubGraph {
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly outputs: readonly string[];
}

export interface Runtime {
  /** Throws where a shape is absurd. */
  infer(part: SubGraph): Promise<InferredShapes>;
  run(part: SubGraph): Promise<Record<string, Tensor>>;
}

/** Far more than any exporter's; a file may be made to need one for each of its nodes. */
const MAX_ROUNDS = 50;
/** Here the first input, too, says how large the output is. */
const sizedByFirst = new Set(['ConstantOfShape', 'Range']);
/** Where these are told what to do by a computed tensor, a shape of no axes may mean that none is known. */
const anyRank = /^(Reshape|ConstantOfShape|Expand|Squeeze|Unsqueeze|Reduce)/;

/**
 * A file of a thousand bytes may compute in the graph how large its tensors are. Computes these sizes first, no further than where all
 * shapes are known, until the runtime knows every shape and can refuse what is absurd, before anything of that size is made.
 */
export async function refuseComputedSizes(graph: Graph, inferred: InferredShapes, runtime: Runtime): Promise<void> {
  let nodes: readonly GraphNode[] = graph.nodes;
  let shapes = inferred;
  const constants = new Map(graph.constants);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = firstUnsized(nodes, new Set([...graph.inputs, ...constants.keys()]), shapes, constants);
    if (next.size === 0) return;
    // What sizes the node; the node itself where nothing but its input does, as with NonZero.
    const wanted = [...next].flatMap((node) => {
      const settings = computedSettings(node, constants);
      return settings.length > 0 ? settings : node.outputs.filter((name) => name !== '');
    });
    const values = await runtime.run({ nodes: leadingTo(wanted, nodes), constants, outputs: [...new Set(wanted)] });
    nodes = nodes.flatMap((node) => (next.has(node) ? withValues(node, values, constants) : [node]));
    const outputs = nodes.flatMap((node) => node.outputs.filter((name) => name !== ''));
    if (outputs.length === 0) return;
    shapes = await runtime.infer({ nodes, constants, outputs });
  }
  throw new UnsupportedModelError(`its shapes are computed from each other in more than ${MAX_ROUNDS} steps`);
}

/** Nodes of unknown output shapes of which all that leads to them is known. */
function firstUnsized(
  nodes: readonly GraphNode[],
  known: Set<string>,
  shapes: InferredShapes,
  constants: ReadonlyMap<string, Tensor>,
): Set<GraphNode> {
  const found = new Set<GraphNode>();
  for (const node of nodes) {
    if (!node.inputs.every((name) => name === '' || known.has(name))) continue;
    const outputs = node.outputs.filter((name) => name !== '');
    const rankless = anyRank.test(node.op) && computedSettings(node, constants).length > 0;
    const sized = outputs.every((name) => {
      const dims = shapes.dims(name);
      return dims?.every((dim) => dim !== undefined) && (dims.length > 0 || !rankless);
    });
    if (!sized) found.add(node);
    else for (const name of outputs) known.add(name);
  }
  return found;
}

const computedSettings = ({ op, inputs }: GraphNode, constants: ReadonlyMap<string, Tensor>): string[] =>
  inputs.slice(sizedByFirst.has(op) ? 0 : 1).filter((name) => name !== '' && !constants.has(name));

/** The node with constants in the place of what is computed; nothing where it is constant itself. */
function withValues(node: GraphNode, values: Readonly<Record<string, Tensor>>, constants: Map<string, Tensor>) {
  if (computedSettings(node, constants).length === 0) {
    for (const name of node.outputs) if (values[name]) constants.set(name, values[name]);
    return [];
  }
  const inputs = node.inputs.map((name, i) => {
    const value = i > 0 || sizedByFirst.has(node.op) ? values[name] : undefined;
    if (!value) return name;
    constants.set(`@${name}`, value);
    return `@${name}`;
  });
  return [{ ...node, inputs }];
}
