import type { GraphNode } from '../graph.js';
import { elementCount } from '../tensor.js';
import { range } from '../emitter.js';
import { integersAttribute, numberAttribute } from './attributes.js';
import { type GradientRule, type Importing, type Operation, withAttributes } from './definition.js';
import { windowAttributes, windowOf } from './window.js';

const maxPoolGradient: GradientRule = (backward) => {
  const { emit, node, g, y } = backward;
  if (backward.adjoints[1] !== undefined) throw backward.unsupported('a gradient through the indices');
  if (numberAttribute(node, 'storage_order', 0) !== 0) throw backward.unsupported('column-major storage order');
  return [emit.apply('MaxPoolGradient', [g, backward.input(0), y], node.attributes, backward.dims(0))];
};

/** Opset 19 brought dilations, which opset 17 does not know. */
function withoutDilations(node: GraphNode, file: Importing): readonly GraphNode[] {
  if (integersAttribute(node, 'dilations', []).some((dilation) => dilation !== 1))
    throw file.unsupported(node, 'dilation');
  return [withAttributes(node, { dilations: undefined })];
}

const averagePoolGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const inputDims = backward.dims(0);
  const window = windowOf(node, inputDims.slice(2), integersAttribute(node, 'kernel_shape', []));
  const attributes = {
    ...windowAttributes(window),
    count_include_pad: numberAttribute(node, 'count_include_pad', 0),
    input_dims: inputDims,
  };
  return [emit.apply('AveragePoolGradient', [g], attributes, inputDims)];
};

const globalAveragePoolGradient: GradientRule = ({ emit, node, g }) => {
  const dims = emit.dims(node.inputs[0] ?? '');
  return [emit.expand(emit.mul(g, 1 / elementCount(dims.slice(2))), dims)];
};

/** Equal maxima share the gradient. */
const globalMaxPoolGradient: GradientRule = ({ emit, node, g, y }) => {
  const x = node.inputs[0] ?? '';
  const isMaximum = emit.indicator(emit.compare('Equal', x, y));
  const count = emit.sum(isMaximum, range(2, emit.dims(x).length));
  return [emit.mul(isMaximum, emit.div(g, count))];
};

export const pooling = {
  MaxPool: { gradient: maxPoolGradient },
  AveragePool: { normalize: withoutDilations, gradient: averagePoolGradient },
  GlobalAveragePool: { gradient: globalAveragePoolGradient },
  GlobalMaxPool: { gradient: globalMaxPoolGradient },
} satisfies Record<string, Operation>;
