import { type CasesOf, type GradientCase, uniform } from '../testing/gradientCase.js';
import type { normalization } from './normalization.js';

const affine = (dims: readonly number[], channels: number) => ({
  x: uniform(dims),
  scale: uniform([channels], 0.5, 1.5),
  bias: uniform([channels]),
});

const softmax = (op: string): GradientCase[] => [
  { name: 'last axis', inputs: { x: uniform([4, 6], -2, 2) }, build: (file) => file.node(op, ['x'], { axis: -1 }) },
  {
    name: 'channels of an image',
    inputs: { x: uniform([2, 3, 2, 2], -2, 2) },
    build: (file) => file.node(op, ['x'], { axis: 1 }),
  },
  {
    name: 'opset 11: flattened rows',
    opset: 11,
    inputs: { x: uniform([2, 3, 2, 2], -2, 2) },
    build: (file) => file.node(op, ['x'], { axis: 2 }),
  },
];

export const normalizationCases: CasesOf<typeof normalization> = {
  BatchNormalization: [
    {
      name: 'inference',
      inputs: affine([4, 3, 5, 2], 3),
      build: (file) =>
        file.node(
          'BatchNormalization',
          ['x', 'scale', 'bias', file.constant([0.3, -0.2, 0.1]), file.constant([0.5, 2, 1.1])],
          {
            epsilon: 1e-3,
            momentum: 0.9,
          },
        ),
    },
    {
      name: 'of a matrix',
      inputs: affine([4, 3], 3),
      build: (file) =>
        file.node('BatchNormalization', [
          'x',
          'scale',
          'bias',
          file.constant([0.3, -0.2, 0.1]),
          file.constant([0.5, 2, 1.1]),
        ]),
    },
  ],
  LayerNormalization: [
    {
      name: 'last axis',
      inputs: affine([4, 3, 6], 6),
      build: (file) => file.node('LayerNormalization', ['x', 'scale', 'bias'], { axis: -1, epsilon: 1e-3 }),
    },
    {
      name: 'two axes, no bias',
      inputs: { x: uniform([4, 3, 6]), scale: uniform([3, 6], 0.5, 1.5) },
      build: (file) => file.node('LayerNormalization', ['x', 'scale'], { axis: 1 }),
    },
  ],
  InstanceNormalization: [
    {
      name: '2-D',
      inputs: affine([4, 3, 5, 2], 3),
      build: (file) => file.node('InstanceNormalization', ['x', 'scale', 'bias'], { epsilon: 1e-3 }),
    },
  ],
  GroupNormalization: [
    {
      name: 'scaled by channel',
      opset: 21,
      inputs: { x: uniform([2, 4, 3, 2]) },
      build: (file) =>
        file.node('GroupNormalization', ['x', file.constant([1, 0.5, 2, 1.5]), file.constant([0, 1, 2, 3])], {
          num_groups: 2,
          epsilon: 1e-3,
        }),
    },
    {
      name: 'with a computed scale',
      opset: 21,
      inputs: affine([2, 4, 3, 2], 4),
      build: (file) => file.node('GroupNormalization', ['x', file.node('Exp', ['scale']), 'bias'], { num_groups: 2 }),
    },
  ],
  LRN: [
    {
      name: 'window of 5 channels',
      inputs: { x: uniform([2, 6, 3, 3]) },
      build: (file) => file.node('LRN', ['x'], { size: 5, alpha: 0.5, beta: 0.75, bias: 1.5 }),
    },
  ],
  Softmax: softmax('Softmax'),
  LogSoftmax: softmax('LogSoftmax'),
};
