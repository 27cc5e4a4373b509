import {
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
const elementwise = new Set([
  ...[
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Pow',
    'Max',
    'Min',
    'Sum',
    'Where',
    'Clip',
    'Equal',
    'Less',
    'Greater',
    'LessOrEqual',
  ],
  ...[
    'GreaterOrEqual',
    'And',
    'Or',
    'Not',
    'Cast',
    'Neg',
    'Exp',
    'Log',
    'Sqrt',
    'Reciprocal',
    'Abs',
    'Sign',
    'Erf',
    'Sin',
    'Cos',
  ],
  ...['Tanh', 'Sigmoid', 'Softplus', 'Softsign', 'Relu', 'Identity', 'Floor', 'Ceil', 'Round'],
]);
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
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    const rank = graph.value(output).dims?.length ?? 0;
    const perm = node.op === 'Transpose' ? integersAttribute(node, 'perm', range(0, rank).reverse()) : [];
    const turned = last.get(input);
    if (node.op === 'Transpose' && turned !== undefined && sameDims(perm, channelsLastOrder(rank))) {
      renamed.set(output, turned);
      continue;
    }
    const lastForm = rank > 2 && elementwise.has(node.op) ? elementwiseLast(node, rank) : reductionLast(node);
    if (lastForm !== undefined) {
      const { name, isLast } = lastForm;
      if (!isLast) renamed.set(output, name);
      else {
        const back = emit.apply(
          'Transpose',
          [name],
          { perm: channelsFirstOrder(rank) },
          graph.dims(output),
          graph.type(output),
        );
        renamed.set(output, back);
        last.set(back, name);
      }
      continue;
    }
    result.append(
      node,
      node.outputs.map((name) => (name === '' ? { type: 'float32' } : graph.value(name))),
    );
    if (node.op === 'Transpose' && rank > 2 && sameDims(perm, channelsFirstOrder(rank))) last.set(output, input);
  }
  for (const name of graph.outputs) result.output(rename(name), name);
  return simplify(result);

  function elementwiseLast(node: GraphNode, rank: number) {
    const output = node.outputs[0] ?? '';
    if (!node.inputs.some((name) => last.has(name) && result.dims(name).length === rank)) return undefined;
    const inputs = node.inputs.map((name) => (name === '' ? name : lastOf(name, rank)));
    if (inputs.some((name) => name === undefined)) return undefined;
    const dims = turn(graph.dims(output));
    const name = emit.apply(node.op, inputs as string[], node.attributes, dims, graph.type(output));
    return { name, isLast: true };
  }

  function reductionLast(node: GraphNode) {
    const [input = '', listed = ''] = node.inputs;
    const turned = last.get(input);
    if (turned === undefined || !reductions.has(node.op)) return undefined;
    const rank = result.dims(input).length;
    const constant = graph.constants.get(listed);
    const given = constant ? Array.from(constant.data as ArrayLike<number | bigint>, Number) : node.attributes['axes'];
    if (!Array.isArray(given) || given.length === 0) return undefined;
    const axes = (given as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
    const order = channelsLastOrder(rank);
    const kept = order.filter((axis) => !axes.includes(axis));
    const keep = node.attributes['keepdims'] !== 0;
    if (!keep && kept.some((axis, i) => axis < (kept[i - 1] ?? 0))) return undefined;
    const own = range(0, rank).filter((axis) => axes.includes(order[axis] ?? 0));
    const output = node.outputs[0] ?? '';
    const inputs = listed === '' ? [turned] : [turned, emit.integers(own)];
    const attributes = listed === '' ? { ...node.attributes, axes: own } : node.attributes;
    const dims = keep ? turn(graph.dims(output)) : graph.dims(output);
    return { name: emit.apply(node.op, inputs, attributes, dims), isLast: keep };
  }
}

const turn = (dims: readonly number[]): number[] => channelsLastOrder(dims.length).map((axis) => dims[axis] ?? 1);
