import { type Emitter, range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { asNumbers, elementCount } from '../tensor.js';
import { integersAttribute, numberAttribute } from './attributes.js';
import { attributeToInput, type Backward, type Importing, type Operation, withAttributes } from './definition.js';

/** Which axes a node reduces, counted from the front, and the shape with them kept as 1. */
function reducedAxes(backward: Backward): { axes: number[]; kept: number[] } {
  const { node } = backward;
  const dims = backward.dims(0);
  const listed = backward.has(1) ? asNumbers(backward.constantOf(1, 'axes')) : integersAttribute(node, 'axes', []);
  const all = numberAttribute(node, 'noop_with_empty_axes', 0) === 0 ? range(0, dims.length) : [];
  const axes = listed.length > 0 ? listed.map((axis) => (axis < 0 ? axis + dims.length : axis)) : all;
  return { axes, kept: dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim)) };
}

const sumGradient = (scale: (count: number) => number) => (backward: Backward) => {
  const { emit, g } = backward;
  const dims = backward.dims(0);
  const { axes, kept } = reducedAxes(backward);
  const factor = scale(elementCount(axes.map((axis) => dims[axis] ?? 1)));
  const spread = emit.reshape(g, kept);
  return [emit.expand(factor === 1 ? spread : emit.mul(spread, factor), dims)];
};

/** Equal extremes share the gradient. */
const extremeGradient = (backward: Backward) => {
  const { emit, g, y } = backward;
  const { axes, kept } = reducedAxes(backward);
  const isExtreme = emit.indicator(emit.compare('Equal', backward.input(0), emit.reshape(y, kept)));
  return [emit.mul(isExtreme, emit.div(emit.reshape(g, kept), emit.sum(isExtreme, axes)))];
};

/** Norms and the like: the adjoint of x is that of y, spread over the axes, times this slope. */
const slopeGradient =
  (slope: (emit: Emitter, x: string, y: string) => string) =>
  (backward: Backward): readonly string[] => {
    const { emit, g, y } = backward;
    const { kept } = reducedAxes(backward);
    return [emit.mul(slope(emit, backward.input(0), emit.reshape(y, kept)), emit.reshape(g, kept))];
  };

/** From opset 18 on the axes are an input; opset 17 wants an attribute. */
function axesToAttribute(node: GraphNode, file: Importing): readonly GraphNode[] {
  const [x = '', axes] = node.inputs;
  if (axes === undefined || axes === '') return [{ ...node, inputs: [x] }];
  const known = file.constantOf(axes);
  if (!known) throw file.unsupported(node, 'axes that are not constant');
  return [withAttributes({ ...node, inputs: [x] }, { axes: asNumbers(known), noop_with_empty_axes: undefined })];
}

export const reduction = {
  ReduceSum: {
    normalize: (node, file) => [attributeToInput(node, 'axes', 1, file)],
    gradient: sumGradient(() => 1),
  },
  ReduceMean: { normalize: axesToAttribute, gradient: sumGradient((count) => 1 / count) },
  ReduceMax: { normalize: axesToAttribute, gradient: extremeGradient },
  ReduceMin: { normalize: axesToAttribute, gradient: extremeGradient },
  ReduceL1: { normalize: axesToAttribute, gradient: slopeGradient((emit, x) => emit.unary('Sign', x)) },
  ReduceL2: { normalize: axesToAttribute, gradient: slopeGradient((emit, x, y) => emit.div(x, y)) },
  ReduceSumSquare: { normalize: axesToAttribute, gradient: slopeGradient((emit, x) => emit.mul(x, 2)) },
  ReduceLogSumExp: { normalize: axesToAttribute, gradient: slopeGradient((emit, x, y) => emit.exp(emit.sub(x, y))) },
  ReduceProd: { normalize: axesToAttribute, gradient: 'constants only' },
  ArgMax: { gradient: 'none' },
} satisfies Record<string, Operation>;
