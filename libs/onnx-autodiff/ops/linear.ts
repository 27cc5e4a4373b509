import type { Emitter } from '../emitter.js';
import { elementCount } from '../tensor.js';
import { numberAttribute, stringAttribute } from './attributes.js';
import type { Backward, Operation } from './definition.js';

const gemmGradient = ({ emit, node, g, needs }: Backward) => {
  const [a, b] = [node.inputs[0] ?? '', node.inputs[1] ?? ''];
  const alpha = numberAttribute(node, 'alpha', 1);
  const beta = numberAttribute(node, 'beta', 1);
  const transA = numberAttribute(node, 'transA', 0) !== 0;
  const transB = numberAttribute(node, 'transB', 0) !== 0;
  const biasGradient = () => {
    const sum = emit.unbroadcast(g, emit.dims(node.inputs[2] ?? ''));
    return beta === 1 ? sum : emit.mul(sum, beta);
  };
  return [
    needs(0) &&
      (transA ? emit.gemm(b, g, { transA: transB, transB: true, alpha }) : emit.gemm(g, b, { transB: !transB, alpha })),
    needs(1) &&
      (transB ? emit.gemm(g, a, { transA: true, transB: transA, alpha }) : emit.gemm(a, g, { transA: !transA, alpha })),
    needs(2) && biasGradient(),
  ];
};

/** Matrix product over broadcast batch axes; vectors count as matrices of one row or column. */
const matMulGradient = ({ emit, node, g, needs }: Backward) => {
  const [aDims, bDims] = [emit.dims(node.inputs[0] ?? ''), emit.dims(node.inputs[1] ?? '')];
  const aMatrix = aDims.length === 1 ? [1, ...aDims] : aDims;
  const bMatrix = bDims.length === 1 ? [...bDims, 1] : bDims;
  const gMatrix = [...emit.dims(g)];
  if (bDims.length === 1) gMatrix.push(1);
  if (aDims.length === 1) gMatrix.splice(-1, 0, 1);
  const a = emit.reshape(node.inputs[0] ?? '', aMatrix);
  const b = emit.reshape(node.inputs[1] ?? '', bMatrix);
  const gm = emit.reshape(g, gMatrix);
  const flat = aMatrix.length === 2 && bMatrix.length === 2;
  const fit = (gradient: string, matrix: readonly number[], dims: readonly number[]) =>
    emit.reshape(emit.unbroadcast(gradient, matrix), dims);

  const leftGradient = () => (flat ? emit.gemm(gm, b, { transB: true }) : emit.matMul(gm, swapLast(emit, b)));
  const rightGradient = () => {
    if (bMatrix.length > 2) return emit.matMul(swapLast(emit, a), gm);
    // [..., K] x [K, N]: one large product instead of a sum of many small ones
    return emit.gemm(rows(emit, a), rows(emit, gm), { transA: true });
  };
  return [needs(0) && fit(leftGradient(), aMatrix, aDims), needs(1) && fit(rightGradient(), bMatrix, bDims)];
};

function swapLast(emit: Emitter, x: string): string {
  const rank = emit.dims(x).length;
  return emit.transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

function rows(emit: Emitter, x: string): string {
  const dims = emit.dims(x);
  const last = dims.at(-1) ?? 1;
  return emit.reshape(x, [elementCount(dims) / last, last]);
}

/** The adjoint of each operand is again an Einsum: of the result's adjoint with the other operands. */
const einsumGradient = (backward: Backward) => {
  const { emit, node, g, needs } = backward;
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  const [left = '', result] = equation.split('->');
  const terms = left.split(',');
  if (result === undefined || equation.includes('.'))
    throw backward.unsupported('an equation without "->" or with "..."');
  return terms.map((term, i) => {
    if (!needs(i)) return undefined;
    const others = terms.filter((_, j) => j !== i);
    const found = new Set([result, ...others].join(''));
    if (new Set(term).size < term.length || [...term].some((index) => !found.has(index)))
      throw backward.unsupported(`an index of "${term}" that occurs twice, or nowhere else in "${equation}"`);
    const inputs = [g, ...node.inputs.filter((_, j) => j !== i)];
    return emit.apply('Einsum', inputs, { equation: `${[result, ...others].join()}->${term}` }, backward.dims(i));
  });
};

export const linear = {
  Gemm: { gradient: gemmGradient },
  MatMul: { gradient: matMulGradient },
  Einsum: { gradient: einsumGradient },
} satisfies Record<string, Operation>;
