import type { Attributes } from '../file/attributes.js';
import { type CasesOf, type GradientCase, spread, uniform } from '../testing/gradientCase.js';
import type { pooling } from './pooling.js';

const X = [2, 3, 9, 8];
const maxPool = (name: string, kernel: readonly number[], attributes: Attributes, dims = X): GradientCase => ({
  name,
  inputs: { x: spread(dims, 0.03) },
  build: (file) => file.node('MaxPool', ['x'], { kernel_shape: kernel, ...attributes }),
});
const averagePool = (name: string, kernel: readonly number[], attributes: Attributes, dims = X): GradientCase => ({
  name,
  inputs: { x: uniform(dims) },
  build: (file) => file.node('AveragePool', ['x'], { kernel_shape: kernel, ...attributes }),
});

export const poolingCases: CasesOf<typeof pooling> = {
  MaxPool: [
    maxPool('side by side', [2, 2], { strides: [2, 2] }, [2, 3, 8, 6]),
    maxPool('side by side, a row left over', [2, 2], { strides: [2, 2] }),
    maxPool('overlapping, padded', [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    maxPool('stride 1', [3, 3], {}),
    maxPool('ceil_mode', [3, 3], { strides: [2, 2], ceil_mode: 1 }),
    maxPool('dilation 2', [2, 2], { dilations: [2, 2] }),
    maxPool('SAME_UPPER', [2, 2], { strides: [2, 2], auto_pad: 'SAME_UPPER' }),
    maxPool('1-D', [3], { strides: [2], pads: [1, 1] }, [2, 3, 11]),
  ],
  AveragePool: [
    averagePool('side by side', [2, 2], { strides: [2, 2] }, [2, 3, 8, 6]),
    averagePool('overlapping, padded', [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    averagePool('pads counted', [3, 3], { strides: [2, 2], pads: [1, 1, 1, 1], count_include_pad: 1 }),
    averagePool('stride 1', [3, 3], {}),
    averagePool('ceil_mode', [3, 3], { strides: [2, 2], ceil_mode: 1 }),
    averagePool('ceil_mode, pads counted', [3, 3], {
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      ceil_mode: 1,
      count_include_pad: 1,
    }),
    averagePool('SAME_LOWER', [3, 3], { strides: [2, 2], auto_pad: 'SAME_LOWER' }),
    { ...averagePool('opset 19', [2, 2], { strides: [2, 2], dilations: [1, 1] }), opset: 19 },
    averagePool('1-D', [3], { strides: [2] }, [2, 3, 11]),
  ],
  GlobalAveragePool: [
    { name: '2-D', inputs: { x: uniform(X) }, build: (file) => file.node('GlobalAveragePool', ['x']) },
  ],
  GlobalMaxPool: [{ name: '2-D', inputs: { x: spread(X, 0.03) }, build: (file) => file.node('GlobalMaxPool', ['x']) }],
};
