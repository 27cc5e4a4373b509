import { type CasesOf, type GradientCase, spread, uniform } from '../testing/gradientCase.js';
import type { reduction } from './reduction.js';

const Q = [2, 3, 4, 5];
const cases = (op: string, data = uniform): GradientCase[] => [
  {
    name: 'two axes, dropped',
    opset: 12,
    inputs: { x: data(Q) },
    build: (file) => file.node(op, ['x'], { axes: [1, -1], keepdims: 0 }),
  },
  {
    name: 'one axis, kept',
    opset: 18,
    inputs: { x: data(Q) },
    build: (file) => file.node(op, ['x', file.integers([2])], { keepdims: 1 }),
  },
  { name: 'all axes', inputs: { x: data(Q) }, build: (file) => file.node(op, ['x'], { keepdims: 0 }) },
];

export const reductionCases: CasesOf<typeof reduction> = {
  ReduceSum: cases('ReduceSum'),
  ReduceMean: cases('ReduceMean'),
  ReduceMax: cases('ReduceMax', spread),
  ReduceMin: cases('ReduceMin', spread),
  ReduceL1: cases('ReduceL1', spread),
  ReduceL2: cases('ReduceL2'),
  ReduceSumSquare: cases('ReduceSumSquare'),
  ReduceLogSumExp: cases('ReduceLogSumExp'),
};
