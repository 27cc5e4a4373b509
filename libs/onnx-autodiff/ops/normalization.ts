import { type Emitter, range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { elementCount } from '../tensor.js';
import { axisAttribute, numberAttribute } from './attributes.js';
import { type Backward, type GradientRule, type Importing, type Operation, writeNodes } from './definition.js';

/** A vector of one number a channel, laid along axis 1. */
const alongChannels = (emit: Emitter, vector: string, rank: number): string =>
  emit.reshape(vector, [1, emit.dims(vector)[0] ?? 1, ...Array<number>(rank - 2).fill(1)]);

const deviationReciprocal = (emit: Emitter, variance: string, node: GraphNode): string =>
  emit.reciprocal(emit.sqrt(emit.add(variance, numberAttribute(node, 'epsilon', 1e-5))));

/** Inference form: an affine map of each channel by fixed running statistics. */
const batchNormalizationGradient: GradientRule = (backward) => {
  const { emit, node, g, needs } = backward;
  const [x, scale, mean, variance] = [backward.input(0), backward.input(1), backward.input(3), backward.input(4)];
  const rank = emit.dims(x).length;
  const sumOverRows = (value: string) => emit.sum(value, [0, ...range(2, rank)], false);
  const inverse = deviationReciprocal(emit, variance, node);
  return [
    needs(0) && emit.mul(g, alongChannels(emit, emit.mul(scale, inverse), rank)),
    needs(1) && emit.mul(emit.sub(sumOverRows(emit.mul(g, x)), emit.mul(mean, sumOverRows(g))), inverse),
    needs(2) && sumOverRows(g),
  ];
};

function inferenceForm(node: GraphNode, file: Importing): readonly GraphNode[] {
  if (numberAttribute(node, 'training_mode', 0) !== 0)
    throw file.unsupported(node, 'training mode (export in evaluation mode)');
  if (numberAttribute(node, 'spatial', 1) === 0) throw file.unsupported(node, 'statistics for each position');
  const attributes = {
    epsilon: numberAttribute(node, 'epsilon', 1e-5),
    momentum: numberAttribute(node, 'momentum', 0.9),
  };
  return [{ ...node, outputs: node.outputs.slice(0, 1), attributes }];
}

/**
 * x̂ = (x - mean) / deviation over `axes`, y = x̂ * scale + bias: the adjoint of x is
 * (gs - mean(gs) - x̂ mean(gs x̂)) / deviation, with gs = g * scale.
 */
function standardizedGradient({ emit, node, g }: Backward, x: string, scale: string, axes: readonly number[]) {
  const centred = emit.sub(x, emit.mean(x, axes));
  const inverse = deviationReciprocal(emit, emit.mean(emit.mul(centred, centred), axes), node);
  const standard = emit.mul(centred, inverse);
  const gs = emit.mul(g, scale);
  const ofX = () =>
    emit.mul(
      emit.sub(emit.sub(gs, emit.mean(gs, axes)), emit.mul(standard, emit.mean(emit.mul(gs, standard), axes))),
      inverse,
    );
  return { standard, ofX };
}

const layerNormalizationGradient: GradientRule = (backward) => {
  const { emit, node, g, needs } = backward;
  const rank = backward.dims(0).length;
  const axes = range(axisAttribute(node, 'axis', -1, rank), rank);
  const { standard, ofX } = standardizedGradient(backward, backward.input(0), backward.input(1), axes);
  return [
    needs(0) && ofX(),
    needs(1) && emit.unbroadcast(emit.mul(g, standard), backward.dims(1)),
    needs(2) && emit.unbroadcast(g, backward.dims(2)),
  ];
};

const instanceNormalizationGradient: GradientRule = (backward) => {
  const { emit, g, needs } = backward;
  const rank = backward.dims(0).length;
  const scale = alongChannels(emit, backward.input(1), rank);
  const { standard, ofX } = standardizedGradient(backward, backward.input(0), scale, range(2, rank));
  const sumOverRows = (value: string) => emit.sum(value, [0, ...range(2, rank)], false);
  return [needs(0) && ofX(), needs(1) && sumOverRows(emit.mul(g, standard)), needs(2) && sumOverRows(g)];
};

/** Each group of channels standardized together, then scaled by channel (by group in opset 18). */
function rewriteGroupNormalization(node: GraphNode, file: Importing): readonly GraphNode[] {
  const [x = '', scale = '', bias = ''] = node.inputs;
  const groups = numberAttribute(node, 'num_groups', 1);
  const { nodes, apply, output } = writeNodes(node, file);
  const vector = (value: number) =>
    file.constant({ type: 'float32', dims: [groups], data: new Float32Array(groups).fill(value) });
  const column = (value: string) => apply('Reshape', [value, file.integers([-1, 1])]);
  const epsilon = numberAttribute(node, 'epsilon', 1e-5);
  const rows = apply('Reshape', [x, file.integers([0, groups, -1])]);
  const standard = apply('InstanceNormalization', [rows, vector(1), vector(0)], { epsilon });
  const ofFactors = apply('Concat', [file.integers([0]), apply('Shape', [scale]), file.integers([-1])], { axis: 0 });
  const factored = apply('Reshape', [standard, ofFactors]);
  const scaled = apply('Add', [apply('Mul', [factored, column(scale)]), column(bias)]);
  apply('Reshape', [scaled, apply('Shape', [x])], {}, output);
  return nodes;
}

/**
 * y = x d^-beta with d = bias + alpha / size * (sum of x² over a window of `size` channels). The window sum is a
 * convolution along the channel axis; its adjoint is the same with the window turned around.
 */
const lrnGradient: GradientRule = (backward) => {
  const { emit, node, g, y } = backward;
  const x = backward.input(0);
  const dims = backward.dims(0);
  const size = numberAttribute(node, 'size', 1);
  const [alpha, beta] = [numberAttribute(node, 'alpha', 1e-4), numberAttribute(node, 'beta', 0.75)];
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const flat = [dims[0] ?? 1, 1, dims[1] ?? 1, elementCount(dims.slice(2))];
  const ones = emit.graph.constant(new Float32Array(size).fill(1), [1, 1, size, 1]);
  const windowSum = (value: string, first: number, last: number): string => {
    const attributes = { kernel_shape: [size, 1], pads: [first, 0, last, 0] };
    return emit.reshape(emit.apply('Conv', [emit.reshape(value, flat), ones], attributes, flat), dims);
  };
  const d = emit.add(
    emit.mul(windowSum(emit.mul(x, x), before, after), alpha / size),
    numberAttribute(node, 'bias', 1),
  );
  const spread = windowSum(emit.div(emit.mul(g, y), d), after, before);
  return [emit.sub(emit.mul(g, emit.pow(d, -beta)), emit.mul(emit.mul(x, spread), (2 * alpha * beta) / size))];
};

/** Softmax and LogSoftmax before opset 13 work on the rows of a matrix, flattened at `axis`; since then along one axis. */
function flattenedRows(node: GraphNode, file: Importing): readonly GraphNode[] {
  if (file.opset >= 13) return [node];
  const [flat, result, shape] = [file.fresh('rows'), file.fresh('softmax'), file.fresh('shape')];
  const x = node.inputs[0] ?? '';
  return [
    {
      op: 'Flatten',
      inputs: [x],
      outputs: [flat],
      attributes: { axis: numberAttribute(node, 'axis', 1) },
      name: node.name,
    },
    { ...node, inputs: [flat], outputs: [result], attributes: { axis: -1 } },
    { op: 'Shape', inputs: [x], outputs: [shape], attributes: {} },
    { op: 'Reshape', inputs: [result, shape], outputs: node.outputs, attributes: {} },
  ];
}

export const normalization = {
  BatchNormalization: {
    normalize: inferenceForm,
    gradient: batchNormalizationGradient,
    statistics: [3, 4],
  },
  LayerNormalization: { gradient: layerNormalizationGradient },
  InstanceNormalization: { gradient: instanceNormalizationGradient },
  GroupNormalization: { rewrite: rewriteGroupNormalization },
  LRN: { gradient: lrnGradient },
  Softmax: {
    normalize: flattenedRows,
    gradient: ({ emit, node, g, y }) => {
      const gy = emit.mul(g, y);
      return [emit.sub(gy, emit.mul(y, emit.sum(gy, [axisAttribute(node, 'axis', -1, emit.dims(y).length)])))];
    },
  },
  LogSoftmax: {
    normalize: flattenedRows,
    gradient: ({ emit, node, g, y }) => {
      const total = emit.sum(g, [axisAttribute(node, 'axis', -1, emit.dims(y).length)]);
      return [emit.sub(g, emit.mul(emit.exp(y), total))];
    },
  },
} satisfies Record<string, Operation>;
