import {
  asNumbers,
  elementCount,
  Emitter,
  Graph,
  type GraphNode,
  integersAttribute,
  range,
  sameDims,
  simplify,
} from '#onnx-autodiff';
import { channelsFirstOrder, channelsLastOrder } from './layout.js';

/** Operations that treat every element alike: they give the same in any order of the axes, when all inputs have it. */
const elementwise = new Set(
  (
    'Add Sub Mul Div Pow Max Min Sum Where Clip Equal Less Greater LessOrEqual GreaterOrEqual And Or Not Cast Identity ' +
    'Neg Abs Sign Exp Log Sqrt Reciprocal Erf Sin Cos Tanh Sigmoid Softplus Softsign Relu Floor Ceil Round'
  ).split(' '),
);
const reductions = new Set(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin']);

/**
 * Lets tensors stay channels-last between the operations that want them so: what comes back from one of those is turned
 * around only where somebody needs it. A transposition moves down through elementwise operations and reductions and ends
 * at the next one, its opposite.
 */
export function keepChannelsLast(graph: Graph): Graph {
  const result = new Graph(graph);
  const emit = new Emitter(result);
  /** Tensors that are also there channels-last, and under which name. */
  const last = new Map<string, string>();
  const renamed = new Map<string, string>();
  const rename = (name: string) => renamed.get(name) ?? name;
  for (const name of graph.inputs) result.input(name, graph.dims(name), graph.type(name));
  for (const [name, { data, dims, type }] of graph.constants) result.constant(data, dims, type, name);

  const lastOf = (name: string, rank: number): string | undefined => {
    const known = last.get(name);
    if (known !== undefined || elementCount(result.dims(name)) === 1) return known ?? name;
    // A bias or the like is worth turning around for what it is added to.
    if (result.dims(name).length !== rank || elementCount(result.dims(name)) > result.dims(name)[1]!) return undefined;
    const turned = emit.apply(
      'Transpose',
      [name],
      { perm: channelsLastOrder(rank) },
      turn(result.dims(name)),
      result.type(name),
    );
    last.set(name, turned);
    return turned;
  };

  for (const source of graph.nodes) {
    const node = { ...source, inputs: source.inputs.map(rename) };
    const [output = ''] = node.outputs;
    const known = transposedBefore(node);
    const written = known ?? elementwiseLast(node) ?? reductionLast(node);
    if (written === undefined) append(node);
    else renamed.set(output, written);
  }
  for (const name of graph.outputs) result.output(rename(name), name);
  return simplify(result);

  function append(node: GraphNode): void {
    result.append(
      node,
      node.outputs.map((name) => (name === '' ? { type: 'float32' } : graph.value(name))),
    );
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    if (node.op === 'Transpose' && isOrder(node, channelsFirstOrder)) last.set(output, input);
  }

  function isOrder(node: GraphNode, order: (rank: number) => number[]): boolean {
    const rank = result.dims(node.inputs[0] ?? '').length;
    return rank > 2 && sameDims(integersAttribute(node, 'perm', range(0, rank).reverse()), order(rank));
  }

  /** The end of a transposition's way: its opposite was there before. */
  function transposedBefore(node: GraphNode): string | undefined {
    return node.op === 'Transpose' && isOrder(node, channelsLastOrder) ? last.get(node.inputs[0] ?? '') : undefined;
  }

  /** Of a tensor that is there channels-last, the usual form; it is dropped where nobody reads it. */
  function turnedBack(name: string, output: string): string {
    const dims = graph.dims(output);
    const perm = channelsFirstOrder(dims.length);
    const back = emit.apply('Transpose', [name], { perm }, dims, graph.type(output));
    last.set(back, name);
    return back;
  }

  function elementwiseLast(node: GraphNode): string | undefined {
    const [output = ''] = node.outputs;
    const rank = graph.value(output).dims?.length ?? 0;
    if (rank <= 2 || !elementwise.has(node.op)) return undefined;
    if (!node.inputs.some((name) => last.has(name) && result.dims(name).length === rank)) return undefined;
    const inputs = node.inputs.map((name) => (name === '' ? name : lastOf(name, rank)));
    if (inputs.some((name) => name === undefined)) return undefined;
    const dims = turn(graph.dims(output));
    return turnedBack(emit.apply(node.op, inputs as string[], node.attributes, dims, graph.type(output)), output);
  }

  function reductionLast(node: GraphNode): string | undefined {
    const [input = '', listed = ''] = node.inputs;
    const turned = last.get(input);
    if (turned === undefined || !reductions.has(node.op)) return undefined;
    const rank = result.dims(input).length;
    const constant = graph.constants.get(listed);
    const given = constant ? asNumbers(constant) : integersAttribute(node, 'axes', []);
    if (given.length === 0) return undefined;
    const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
    const order = channelsLastOrder(rank);
    const kept = order.filter((axis) => !axes.includes(axis));
    const keep = node.attributes['keepdims'] !== 0;
    if (!keep && kept.some((axis, i) => axis < (kept[i - 1] ?? 0))) return undefined;
    const own = range(0, rank).filter((axis) => axes.includes(order[axis] ?? 0));
    const output = node.outputs[0] ?? '';
    const inputs = listed === '' ? [turned] : [turned, emit.integers(own)];
    const attributes = listed === '' ? { ...node.attributes, axes: own } : node.attributes;
    const dims = keep ? turn(graph.dims(output)) : graph.dims(output);
    const name = emit.apply(node.op, inputs, attributes, dims);
    return keep ? turnedBack(name, output) : name;
  }
}

const turn = (dims: readonly number[]): number[] => channelsLastOrder(dims.length).map((axis) => dims[axis] ?? 1);
