import { type CasesOf, type GradientCase, uniform } from '../testing/gradientCase.js';
import type { linear } from './linear.js';

const matMul = (name: string, a: readonly number[], b: readonly number[]): GradientCase => ({
  name,
  inputs: { a: uniform(a), b: uniform(b) },
  build: (file) => file.node('MatMul', ['a', 'b']),
});

const gemm = (transA: number, transB: number): GradientCase => ({
  name: `transA ${transA}, transB ${transB}, alpha and beta`,
  inputs: { a: uniform(transA ? [4, 3] : [3, 4]), b: uniform(transB ? [5, 4] : [4, 5]), c: uniform([5]) },
  build: (file) => file.node('Gemm', ['a', 'b', 'c'], { transA, transB, alpha: 0.7, beta: 1.3 }),
});

export const linearCases: CasesOf<typeof linear> = {
  Gemm: [gemm(0, 0), gemm(0, 1), gemm(1, 0), gemm(1, 1)],
  Einsum: [
    {
      name: 'attention scores',
      inputs: { q: uniform([2, 3, 2, 4]), k: uniform([2, 5, 2, 4]) },
      build: (file) => file.node('Einsum', ['q', 'k'], { equation: 'bqhd, bkhd -> bhqk' }),
    },
  ],
  MatMul: [
    matMul('matrices', [3, 4], [4, 5]),
    matMul('3-D by matrix', [2, 3, 4], [4, 5]),
    matMul('4-D by 4-D', [2, 3, 4, 5], [2, 3, 5, 2]),
    matMul('broadcast batch axes', [2, 1, 3, 4], [5, 4, 2]),
    matMul('vector by matrix', [4], [4, 5]),
    matMul('matrix by vector', [3, 4], [4]),
    matMul('3-D by vector', [2, 3, 4], [4]),
    matMul('vector by 3-D', [4], [2, 4, 3]),
  ],
};
