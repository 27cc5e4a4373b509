import { stringAttribute } from '../ops/attributes.js';
import type { GradientRule } from '../ops/definition.js';
import type { Lowering } from '../lowering/lowering.js';
import { elementCount } from '../tensor.js';
import type { ConvolutionLowering } from './convolutionLowering.js';
import { im2col } from './im2col.js';
import { pointwise } from './pointwise.js';
import { winograd } from './winograd.js';

const algorithms = { winograd, im2col, pointwise } satisfies Record<string, ConvolutionLowering>;
export type Algorithm = keyof typeof algorithms;

const by =
  (part: keyof ConvolutionLowering): Lowering =>
  (emit, node) =>
    algorithms[stringAttribute(node, 'algorithm', '') as Algorithm][part](emit, node);

export const convolutionLowerings = {
  BatchLastConv: by('forward'),
  BatchLastConvInputGradient: by('inputGradient'),
  BatchLastConvWeightGradient: by('weightGradient'),
};

export const convolutionGradient: GradientRule = ({ emit, node, g, needs }) => {
  const [x = '', w = ''] = node.inputs;
  const [xDims, wDims] = [emit.dims(x), emit.dims(w)];
  return [
    needs(0) && emit.apply('BatchLastConvInputGradient', [g, w], { ...node.attributes, input_dims: xDims }, xDims),
    needs(1) && emit.apply('BatchLastConvWeightGradient', [x, g], { ...node.attributes, weight_dims: wDims }, wDims),
  ];
};

/** Below these numbers of channels and outputs, transforming costs more than it saves. */
const FEWEST_CHANNELS = 16;
const FEWEST_OUTPUTS = 4;
/** Of what im2col lays out: 256 MB. */
const MOST_SEEN = 2 ** 26;

/** Static, by shapes alone, so that a run can be repeated. Undefined: none of them; the plain convolution is better. */
export function chooseAlgorithm(
  window: {
    kernel: readonly number[];
    strides: readonly number[];
    dilations: readonly number[];
    pads: readonly number[];
  },
  [outputs = 1, channels = 1]: readonly number[],
  outputSizes: readonly number[],
  batch: number,
): Algorithm | undefined {
  const { kernel, strides, dilations, pads } = window;
  if (kernel.length !== 2 || dilations.some((dilation) => dilation !== 1)) return undefined;
  if (elementCount(kernel) === 1 && pads.every((pad) => pad === 0)) return 'pointwise';
  const fits =
    kernel.every((size) => size === 3 || size === 5) &&
    strides.every((stride) => stride <= 2) &&
    channels >= FEWEST_CHANNELS &&
    outputs >= FEWEST_CHANNELS &&
    outputSizes.every((size) => size >= FEWEST_OUTPUTS);
  if (fits) return 'winograd';
  return elementCount([...kernel, ...outputSizes, channels, batch]) <= MOST_SEEN ? 'im2col' : undefined;
}
