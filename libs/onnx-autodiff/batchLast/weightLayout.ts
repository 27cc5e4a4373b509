import { Emitter } from '../emitter.js';
import type { Graph, GraphNode } from '../graph.js';
import { integersAttribute } from '../ops/attributes.js';
import { copyNode, emptyCopy } from '../rewriting.js';
import { elementCount, floats, type Tensor } from '../tensor.js';

/** How a weight lies in memory, beginning with the file's tensor: read as `dims` and transposed, in turn; `result` are its dims then. */
interface WeightLayout {
  readonly steps: readonly { readonly dims: readonly number[]; readonly permutation: readonly number[] }[];
  readonly result: readonly number[];
}

/** By name; weights that are not in it lie as in the file. */
export type WeightLayouts = ReadonlyMap<string, WeightLayout>;

/**
 * The same network with inputs for the weights in the layout that it transposes them to: a training that keeps them like
 * this transposes neither them nor their gradients in each step.
 */
export function hoistLayouts(source: Graph, weights: readonly string[]): { graph: Graph; layouts: WeightLayouts } {
  const chains = weights
    .map((name) => [name, transpositions(source, name)] as const)
    .filter(([, chain]) => chain.some(({ op }) => op === 'Transpose'));
  const ends = new Map(chains.map(([name, chain]) => [chain.at(-1)?.outputs[0] ?? '', name]));
  const dropped = new Set(chains.flatMap(([, chain]) => chain));
  const layouts = new Map(chains.map(([name, chain]) => [name, layoutOf(source, chain)]));
  const graph = emptyCopy(source, (name) => layouts.get(name)?.result ?? source.dims(name));
  for (const node of source.nodes)
    if (!dropped.has(node))
      copyNode(
        source,
        graph,
        node,
        node.inputs.map((name) => ends.get(name) ?? name),
      );
  for (const name of source.outputs) graph.output(name);
  return { graph, layouts };
}

/** The nodes that do nothing but move the weight's numbers before all of its uses. */
function transpositions(graph: Graph, weight: string): GraphNode[] {
  const chain: GraphNode[] = [];
  for (let end = weight; ;) {
    const [node, ...others] = graph.nodes.filter(({ inputs }) => inputs.includes(end));
    const moves = node?.op === 'Transpose' || (node?.op === 'Reshape' && node.inputs[0] === end);
    if (!moves || others.length > 0 || graph.outputs.includes(node.outputs[0] ?? '')) return chain;
    chain.push(node);
    end = node.outputs[0] ?? '';
  }
}

function layoutOf(graph: Graph, chain: readonly GraphNode[]): WeightLayout {
  const steps = chain
    .filter(({ op }) => op === 'Transpose')
    .map((node) => ({
      dims: graph.dims(node.inputs[0] ?? ''),
      permutation: integersAttribute(node, 'perm', []),
    }));
  return { steps, result: graph.dims(chain.at(-1)?.outputs[0] ?? '') };
}

/** From the file's layout to that of the network. */
export const inLayout = (layouts: WeightLayouts, name: string, tensor: Tensor): Tensor => {
  const layout = layouts.get(name);
  return layout ? floats(forward(layout, tensor.data as Float32Array), layout.result) : tensor;
};

/** The numbers alone, of those that have a layout; the others are the same arrays. */
export const toLayout = moved((layout, data) => forward(layout, data));

/** Back to the file's layout. */
export const toFileLayout = moved(({ steps }, data) =>
  steps.reduceRight((moving, step) => {
    const { permuted, inverse } = inverted(step);
    return transposed(moving, permuted, inverse);
  }, data),
);

/** The same as nodes, for a network that reads `weights`, by name, as in the file. */
export function asInFile(
  graph: Graph,
  weights: ReadonlyMap<string, string>,
  layouts: WeightLayouts,
  tensors: ReadonlyMap<string, Tensor>,
): Map<string, string> {
  const emit = new Emitter(graph);
  const read = (name: string, weight: string): string => {
    const steps = layouts.get(name)?.steps ?? [];
    if (steps.length === 0) return weight;
    const moved = steps.reduceRight((moving, step) => {
      const { permuted, inverse } = inverted(step);
      return emit.transpose(emit.reshape(moving, permuted), inverse);
    }, weight);
    return emit.reshape(moved, tensors.get(name)?.dims ?? []);
  };
  return new Map([...weights].map(([name, weight]) => [name, read(name, weight)]));
}

const inverted = ({ dims, permutation }: WeightLayout['steps'][number]) => ({
  permuted: permutation.map((axis) => dims[axis] ?? 1),
  inverse: permutation.map((_, axis) => permutation.indexOf(axis)),
});

type Numbers = ReadonlyMap<string, Float32Array>;

function moved(move: (layout: WeightLayout, data: Float32Array) => Float32Array) {
  return (layouts: WeightLayouts, weights: Numbers): Map<string, Float32Array> =>
    new Map(
      [...weights].map(([name, data]) => {
        const layout = layouts.get(name);
        return [name, layout ? move(layout, data) : data];
      }),
    );
}

const forward = ({ steps }: WeightLayout, data: Float32Array): Float32Array =>
  steps.reduce((moving, { dims, permutation }) => transposed(moving, dims, permutation), data);

function transposed(data: Float32Array, dims: readonly number[], permutation: readonly number[]): Float32Array {
  const strides = dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
  const sizes = permutation.map((axis) => dims[axis] ?? 1);
  const steps = permutation.map((axis) => strides[axis] ?? 1);
  const place = sizes.map(() => 0);
  const result = new Float32Array(data.length);
  let from = 0;
  for (let to = 0; to < result.length; to++) {
    result[to] = data[from]!;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += steps[axis]!;
      if (++place[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      place[axis] = 0;
    }
  }
  return result;
}
