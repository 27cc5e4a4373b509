import type { Attributes } from '../file/attributes.js';
import { type CasesOf, type GradientCase, spread, uniform } from '../testing/gradientCase.js';
import type { Tensor } from '../tensor.js';
import type { elementwise } from './elementwise.js';

const shapes: [number[], number[]][] = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [[4], [2, 3, 4]],
  [
    [2, 1, 4],
    [1, 3, 1],
  ],
  [[2, 3], []],
];
const broadcast = (op: string): GradientCase[] =>
  shapes.map(([a, b]) => ({
    name: `[${a.join()}] with [${b.join()}]`,
    inputs: { a: uniform(a), b: uniform(b, 0.8, 2) },
    build: (file) => file.node(op, ['a', 'b']),
  }));

const several = (op: string): GradientCase[] => [
  {
    name: 'three tensors',
    inputs: { a: uniform([3, 4]), b: uniform([4]), c: uniform([3, 1]) },
    build: (file) => file.node(op, ['a', 'b', 'c']),
  },
];

const extreme = (op: string): GradientCase[] => [
  {
    name: 'two tensors',
    inputs: { a: spread([3, 4]), b: spread([3, 4], 0.05, 0.025) },
    build: (file) => file.node(op, ['a', 'b']),
  },
];

const S = [3, 8];
const unary = (op: string, attributes: Attributes = {}, x: Tensor = spread(S, 0.11), opset = 17): GradientCase[] => [
  { name: 'of every sign and size', opset, inputs: { x }, build: (file) => file.node(op, ['x'], attributes) },
];
const positive = (op: string): GradientCase[] => unary(op, {}, uniform(S, 0.5, 2));

export const elementwiseCases: CasesOf<typeof elementwise> = {
  Add: broadcast('Add'),
  Sub: broadcast('Sub'),
  Mul: [
    ...broadcast('Mul'),
    { name: 'by itself', inputs: { x: uniform(S) }, build: (file) => file.node('Mul', ['x', 'x']) },
  ],
  Div: broadcast('Div'),
  Sum: several('Sum'),
  Mean: several('Mean'),
  Pow: [
    {
      name: 'whole exponent',
      inputs: { x: uniform(S) },
      build: (file) => file.node('Pow', ['x', file.constant([3], [], 'int64')]),
    },
    {
      name: 'constant exponent',
      inputs: { x: uniform(S, 0.5, 2) },
      build: (file) => file.node('Pow', ['x', file.scalar(2.5)]),
    },
  ],
  Max: extreme('Max'),
  Min: extreme('Min'),
  Where: [
    {
      name: 'constant condition',
      inputs: { a: uniform([3, 4]), b: uniform([4]) },
      build: (file) =>
        file.node('Where', [file.constant([1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 1], [3, 4], 'bool'), 'a', 'b']),
    },
  ],
  Clip: [
    {
      name: 'both bounds',
      inputs: { x: spread(S, 0.11) },
      build: (file) => file.node('Clip', ['x', file.scalar(-0.55), file.scalar(0.55)]),
    },
    {
      name: 'lower bound only',
      inputs: { x: spread(S, 0.11) },
      build: (file) => file.node('Clip', ['x', file.scalar(0)]),
    },
    {
      name: 'upper bound only',
      inputs: { x: spread(S, 0.11) },
      build: (file) => file.node('Clip', ['x', '', file.scalar(0.55)]),
    },
    {
      name: 'bounds as attributes',
      opset: 9,
      inputs: { x: spread(S, 0.11) },
      build: (file) => file.node('Clip', ['x'], { min: -0.55, max: 0.55 }),
    },
  ],
  PRelu: [
    {
      name: 'slope a channel',
      inputs: { x: spread([2, 3, 4], 0.11), s: uniform([3, 1]) },
      build: (file) => file.node('PRelu', ['x', 's']),
    },
  ],
  Relu: unary('Relu'),
  LeakyRelu: [...unary('LeakyRelu', { alpha: 0.1 }), ...unary('LeakyRelu')],
  ThresholdedRelu: unary('ThresholdedRelu', { alpha: 0.55 }),
  Elu: unary('Elu', { alpha: 1.5 }),
  Celu: unary('Celu', { alpha: 0.7 }),
  Selu: unary('Selu'),
  Gelu: [...unary('Gelu', {}, spread(S, 0.11), 20), ...unary('Gelu', { approximate: 'tanh' }, spread(S, 0.11), 20)],
  Mish: unary('Mish', {}, spread(S, 0.11), 18),
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Softplus: unary('Softplus'),
  Softsign: unary('Softsign'),
  HardSigmoid: unary('HardSigmoid', { alpha: 0.25 }, spread(S, 0.3)),
  HardSwish: unary('HardSwish', {}, spread(S, 0.43)),
  Exp: unary('Exp'),
  Log: positive('Log'),
  Sqrt: positive('Sqrt'),
  Reciprocal: positive('Reciprocal'),
  Abs: unary('Abs'),
  Neg: unary('Neg'),
  Erf: unary('Erf'),
  Sin: unary('Sin'),
  Cos: unary('Cos'),
};
