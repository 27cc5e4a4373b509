import {
  asNumbers,
  axisAttribute,
  elementCount,
  type Emitter,
  type GraphNode,
  integersAttribute,
  numberAttribute,
  range,
  stringAttribute,
} from '#onnx-autodiff';
import type { Lower } from './layout.js';

/** Operations that TensorFlow lacks, or has for some of their attributes only, in terms of those that it has. */
const below = (emit: Emitter, x: string, negative: string): string =>
  emit.where(emit.compare('Less', x, 0), negative, x);
const number = (node: GraphNode, name: string, fallback: number): number => numberAttribute(node, name, fallback);

const elu = (emit: Emitter, x: string, alpha: number, inner = 1): string =>
  below(emit, x, emit.mul(emit.sub(emit.exp(emit.mul(x, inner)), 1), alpha));

const reduced =
  (write: (emit: Emitter, x: string, reduce: (value: string) => string, axes: readonly number[]) => string): Lower =>
  (emit, node, dims) => {
    const [x = ''] = node.inputs;
    const rank = emit.dims(x).length;
    const listed = integersAttribute(node, 'axes', []);
    const axes = listed.length > 0 ? listed.map((axis) => (axis < 0 ? axis + rank : axis)) : range(0, rank);
    return emit.reshape(
      write(emit, x, (value) => emit.sum(value, axes), axes),
      dims,
    );
  };

const deviationReciprocal = (emit: Emitter, variance: string, node: GraphNode): string =>
  emit.reciprocal(emit.sqrt(emit.add(variance, number(node, 'epsilon', 1e-5))));

function standardized(emit: Emitter, node: GraphNode, x: string, axes: readonly number[]): string {
  const centred = emit.sub(x, emit.mean(x, axes));
  return emit.mul(centred, deviationReciprocal(emit, emit.mean(emit.mul(centred, centred), axes), node));
}

const alongChannels = (emit: Emitter, vector: string, rank: number): string =>
  emit.reshape(vector, [1, emit.dims(vector)[0] ?? 1, ...Array<number>(rank - 2).fill(1)]);

const batchNormalization: Lower = (emit, node) => {
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs;
  const rank = emit.dims(x).length;
  const factor = emit.mul(scale, deviationReciprocal(emit, variance, node));
  const offset = emit.sub(bias, emit.mul(mean, factor));
  return emit.add(emit.mul(x, alongChannels(emit, factor, rank)), alongChannels(emit, offset, rank));
};

const layerNormalization: Lower = (emit, node) => {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const rank = emit.dims(x).length;
  const scaled = emit.mul(standardized(emit, node, x, range(axisAttribute(node, 'axis', -1, rank), rank)), scale);
  return bias === '' ? scaled : emit.add(scaled, bias);
};

const instanceNormalization: Lower = (emit, node) => {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const rank = emit.dims(x).length;
  const standard = standardized(emit, node, x, range(2, rank));
  return emit.add(emit.mul(standard, alongChannels(emit, scale, rank)), alongChannels(emit, bias, rank));
};

/** TensorFlow's work along the last axis. */
const alongLastAxis: Lower = (emit, node, dims) => {
  const [x = ''] = node.inputs;
  const axis = axisAttribute(node, 'axis', -1, dims.length);
  const swap = range(0, dims.length).map((at) => (at === axis ? dims.length - 1 : at === dims.length - 1 ? axis : at));
  return emit.transpose(emit.unary(node.op, emit.transpose(x, swap), { axis: -1 }), swap);
};

/** alpha a b + beta c, both matrices transposed where asked. */
const gemm: Lower = (emit, node) => {
  const [a = '', b = '', c = ''] = node.inputs;
  const [alpha, beta] = [number(node, 'alpha', 1), number(node, 'beta', 1)];
  const product = emit.gemm(a, b, {
    transA: number(node, 'transA', 0) !== 0,
    transB: number(node, 'transB', 0) !== 0,
  });
  const scaled = alpha === 1 ? product : emit.mul(product, alpha);
  return c === '' ? scaled : emit.add(scaled, beta === 1 ? c : emit.mul(c, beta));
};

const trilu: Lower = (emit, node, dims) => {
  const [x = '', k = ''] = node.inputs;
  const offset = k === '' ? undefined : emit.graph.constants.get(k);
  if (k !== '' && !offset) return emit.apply(node.op, node.inputs, node.attributes, dims);
  const [shift = 0] = offset ? asNumbers(offset) : [0];
  const upper = number(node, 'upper', 1) !== 0;
  const [rows = 1, columns = 1] = dims.slice(-2);
  const kept = range(0, rows * columns).map((at) => {
    const distance = (at % columns) - Math.floor(at / columns);
    return Number(upper ? distance >= shift : distance <= shift);
  });
  return emit.where(emit.graph.constant(kept, [rows, columns], 'bool'), x, 0);
};

const depthToSpace: Lower = (emit, node, dims) => {
  const [x = ''] = node.inputs;
  const [rows = 1, channels = 1, height = 1, width = 1] = emit.dims(x);
  const block = number(node, 'blocksize', 1);
  const depth = channels / block ** 2;
  const blocksFirst = stringAttribute(node, 'mode', 'DCR') === 'DCR';
  const split = blocksFirst ? [rows, block, block, depth, height, width] : [rows, depth, block, block, height, width];
  const order = blocksFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return emit.reshape(emit.transpose(emit.reshape(x, split), order), dims);
};

const spaceToDepth: Lower = (emit, node, dims) => {
  const [x = ''] = node.inputs;
  const [rows = 1, channels = 1, height = 1, width = 1] = emit.dims(x);
  const block = number(node, 'blocksize', 1);
  const split = emit.reshape(x, [rows, channels, height / block, block, width / block, block]);
  return emit.reshape(emit.transpose(split, [0, 3, 5, 1, 2, 4]), dims);
};

/** Fills a tensor with one value: expanding a scalar. */
const constantOfShape: Lower = (emit, node, dims) => {
  const value = node.attributes['value'];
  const filled = typeof value === 'object' && 'data' in value ? value : undefined;
  const type = filled?.type ?? 'float32';
  const count = elementCount(dims);
  if (count === 0) return emit.graph.constant([], dims, type);
  return emit.expand(emit.graph.constant(filled ? asNumbers(filled) : [0], [], type), dims);
};

export const composites = {
  LeakyRelu: (emit, node) => {
    const [x = ''] = node.inputs;
    return below(emit, x, emit.mul(x, number(node, 'alpha', 0.01)));
  },
  PRelu: (emit, { inputs: [x = '', slope = ''] }) => below(emit, x, emit.mul(x, slope)),
  ThresholdedRelu: (emit, node) => {
    const [x = ''] = node.inputs;
    return emit.where(emit.compare('Greater', x, number(node, 'alpha', 1)), x, 0);
  },
  Elu: (emit, node) => elu(emit, node.inputs[0] ?? '', number(node, 'alpha', 1)),
  Celu: (emit, node) => {
    const alpha = number(node, 'alpha', 1);
    return elu(emit, node.inputs[0] ?? '', alpha, 1 / alpha);
  },
  Selu: (emit, node) => {
    const alpha = number(node, 'alpha', 1.6732632423543772);
    return emit.mul(elu(emit, node.inputs[0] ?? '', alpha), number(node, 'gamma', 1.0507009873554805));
  },
  HardSigmoid: (emit, node) => {
    const sloped = emit.mul(node.inputs[0] ?? '', number(node, 'alpha', 0.2));
    const offset = number(node, 'beta', 0.5);
    return emit.clip(offset === 0 ? sloped : emit.add(sloped, offset), 0, 1);
  },
  HardSwish: (emit, { inputs: [x = ''] }) => emit.mul(x, emit.clip(emit.add(emit.mul(x, 1 / 6), 0.5), 0, 1)),
  ReduceL1: reduced((emit, x, sum) => sum(emit.unary('Abs', x))),
  ReduceL2: reduced((emit, x, sum) => emit.sqrt(sum(emit.mul(x, x)))),
  ReduceSumSquare: reduced((emit, x, sum) => sum(emit.mul(x, x))),
  ReduceLogSumExp: reduced((emit, x, sum, axes) => {
    const largest = emit.maximum(x, axes);
    return emit.add(emit.unary('Log', sum(emit.exp(emit.sub(x, largest)))), largest);
  }),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  Softmax: alongLastAxis,
  LogSoftmax: alongLastAxis,
  Gemm: gemm,
  Trilu: trilu,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  ConstantOfShape: constantOfShape,
} satisfies Record<string, Lower>;
