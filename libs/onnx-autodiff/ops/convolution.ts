import { range } from '../emitter.js';
import { stringAttribute } from './attributes.js';
import type { Backward, Operation } from './definition.js';
import { groupOf, windowAttributes, windowOf } from './window.js';

/** x [N, C, ...], w [M, C / group, ...kernel], optional bias [M]. */
const convolutionGradient = (backward: Backward) => {
  const { emit, node, g, needs } = backward;
  const [x, w] = [backward.input(0), backward.input(1)];
  const [xDims, wDims] = [emit.dims(x), emit.dims(w)];
  const attributes = { ...windowAttributes(windowOf(node, xDims.slice(2), wDims.slice(2))), group: groupOf(node) };
  return [
    needs(0) && emit.apply('ConvInputGradient', [g, w], { ...attributes, input_dims: xDims }, xDims),
    needs(1) && emit.apply('ConvWeightGradient', [x, g], { ...attributes, weight_dims: wDims }, wDims),
    needs(2) && biasGradient(backward),
  ];
};

/** A transposed convolution is the input gradient of a convolution with the same weights, and the other way round. */
const transposedGradient = (backward: Backward) => {
  const { emit, node, g, needs } = backward;
  if (!['NOTSET', 'VALID'].includes(stringAttribute(node, 'auto_pad', 'NOTSET')) || 'output_shape' in node.attributes)
    throw backward.unsupported('padding by auto_pad or output_shape');
  const [x, w] = [backward.input(0), backward.input(1)];
  const [xDims, wDims] = [emit.dims(x), emit.dims(w)];
  const attributes = { ...windowAttributes(windowOf(node, xDims.slice(2), wDims.slice(2))), group: groupOf(node) };
  return [
    needs(0) && emit.apply('Conv', [g, w], attributes, xDims),
    needs(1) && emit.apply('ConvWeightGradient', [g, x], { ...attributes, weight_dims: wDims }, wDims),
    needs(2) && biasGradient(backward),
  ];
};

const biasGradient = ({ emit, g }: Backward): string => emit.sum(g, [0, ...range(2, emit.dims(g).length)], false);

export const convolution = {
  Conv: { gradient: convolutionGradient },
  ConvTranspose: { gradient: transposedGradient },
} satisfies Record<string, Operation>;
