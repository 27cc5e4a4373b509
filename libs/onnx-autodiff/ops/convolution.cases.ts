import type { Attributes } from '../file/attributes.js';
import { type CasesOf, type GradientCase, uniform } from '../testing/gradientCase.js';
import type { convolution } from './convolution.js';

const X = [2, 4, 9, 8];

function conv(name: string, x: readonly number[], w: readonly number[], attributes: Attributes): GradientCase {
  return {
    name,
    inputs: { x: uniform(x), w: uniform(w), b: uniform([w[0] ?? 1]) },
    build: (file) => file.node('Conv', ['x', 'w', 'b'], { kernel_shape: w.slice(2), ...attributes }),
  };
}

function transposed(
  name: string,
  x: readonly number[],
  w: readonly number[],
  attributes: Attributes,
  group = 1,
): GradientCase {
  return {
    name,
    inputs: { x: uniform(x), w: uniform(w), b: uniform([(w[1] ?? 1) * group]) },
    build: (file) => file.node('ConvTranspose', ['x', 'w', 'b'], { kernel_shape: w.slice(2), group, ...attributes }),
  };
}

export const convolutionCases: CasesOf<typeof convolution> = {
  Conv: [
    conv('3x3', X, [5, 4, 3, 3], {}),
    conv('3x3, pad 1, many channels', [2, 6, 7, 6], [5, 6, 3, 3], { pads: [1, 1, 1, 1] }),
    conv('1x1, stride 2', X, [5, 4, 1, 1], { strides: [2, 2] }),
    conv('5x5, stride 2, uneven pads', X, [5, 4, 5, 5], { strides: [2, 2], pads: [1, 1, 2, 2] }),
    conv('3x2, strides 3 and 2, uneven pads', X, [3, 4, 3, 2], { strides: [3, 2], pads: [2, 0, 1, 1] }),
    conv('3x3, dilation 2, stride 2', X, [5, 4, 3, 3], { dilations: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1] }),
    conv('3x3, dilation 2, many channels', [2, 6, 9, 8], [5, 6, 3, 3], { dilations: [2, 2], pads: [2, 2, 2, 2] }),
    conv('2 groups', X, [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
    conv('2 groups, stride 2', X, [6, 2, 3, 3], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
    conv('depthwise', X, [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
    conv('depthwise, stride 2', X, [4, 1, 3, 3], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }),
    conv('depthwise, 2 outputs a channel', X, [8, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
    conv('pads beyond the kernel', [2, 6, 5, 5], [3, 6, 2, 2], { pads: [2, 2, 2, 2] }),
    conv('rows left over that no window meets', X, [5, 4, 3, 3], { strides: [4, 4] }),
    conv('SAME_UPPER', X, [5, 4, 3, 3], { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
    conv('SAME_LOWER', X, [5, 4, 4, 4], { strides: [2, 2], auto_pad: 'SAME_LOWER' }),
    conv('1-D', [2, 4, 17], [3, 4, 5], { strides: [2], pads: [2, 1] }),
    conv('3-D', [1, 2, 5, 5, 4], [3, 2, 3, 3, 3], { pads: [1, 1, 1, 1, 1, 1] }),
  ],
  ConvTranspose: [
    transposed('4x4, stride 2', [2, 3, 4, 5], [3, 5, 4, 4], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    transposed(
      'output padding, 2 groups',
      [2, 4, 4, 5],
      [4, 2, 3, 3],
      { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
      2,
    ),
    transposed('dilation 2', [2, 3, 4, 5], [3, 4, 3, 3], { dilations: [2, 2] }),
  ],
};
