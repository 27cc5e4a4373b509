import type { Emitter } from '../emitter.js';
import { integersAttribute } from '../ops/attributes.js';
import { spelledOutWindow } from '../ops/window.js';
import { constantMatrix } from './constants.js';
import type { ConvolutionLowering } from './convolutionLowering.js';
import { outerSum } from './sums.js';

/** A kernel of one tap: a product at each position, of every `stride`-th row and column. */
export const pointwise: ConvolutionLowering = {
  forward: (emit, node) => {
    const [x = '', w = ''] = node.inputs;
    const [, outputs = 1, channels = 1] = emit.dims(w);
    const strided = everyStride(emit, x, spelledOutWindow(node).strides);
    return emit.matMul(emit.reshape(w, [outputs, channels]), strided);
  },
  inputGradient: (emit, node) => {
    const [g = '', w = ''] = node.inputs;
    const [, outputs = 1, channels = 1] = emit.dims(w);
    const dims = integersAttribute(node, 'input_dims', []);
    const weights = emit.reshape(emit.transpose(w, [0, 2, 1]), [channels, outputs]);
    return withZeros(emit, emit.matMul(weights, g), dims, spelledOutWindow(node).strides);
  },
  weightGradient: (emit, node) => {
    const [x = '', g = ''] = node.inputs;
    const strided = everyStride(emit, x, spelledOutWindow(node).strides);
    const [height = 1, width = 1, channels = 1, batch = 1] = emit.dims(strided);
    const outputs = emit.dims(g)[2] ?? 1;
    const inputs = emit.transpose(emit.reshape(strided, [height * width, channels, batch]), [0, 2, 1]);
    const products = emit.matMul(emit.reshape(g, [height * width, outputs, batch]), inputs);
    return emit.reshape(outerSum(emit, products), [1, outputs, channels]);
  },
};

const everyStride = (emit: Emitter, x: string, strides: readonly number[]): string =>
  strides.every((stride) => stride === 1) ? x : emit.slice(x, [0, 1], [0, 0], emit.dims(x).slice(0, 2), strides);

/** Rows and columns between those that were strided over get 0: products with matrices of 0 and 1. */
function withZeros(emit: Emitter, x: string, dims: readonly number[], strides: readonly number[]): string {
  const [rows = 1, columns = 1, channels = 1, batch = 1] = emit.dims(x);
  const [height = 1, width = 1] = dims;
  const inner = channels * batch;
  const spread = (size: number, count: number, stride: number) =>
    constantMatrix(
      emit,
      Array.from({ length: size }, (_, i) => Array.from({ length: count }, (_unused, j) => Number(i === j * stride))),
    );
  if (strides.every((stride) => stride === 1)) return emit.reshape(x, dims);
  const wide = emit.matMul(spread(width, columns, strides[1] ?? 1), emit.reshape(x, [rows, columns, inner]));
  return emit.reshape(
    emit.matMul(spread(height, rows, strides[0] ?? 1), emit.reshape(wide, [rows, width * inner])),
    dims,
  );
}
