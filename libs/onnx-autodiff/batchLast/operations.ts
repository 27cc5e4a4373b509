import type { Lowering } from '../lowering/lowering.js';
import type { Differentiable } from '../ops/definition.js';
import { convolutionGradient, convolutionLowerings } from './convolution.js';
import { maxPool, maxPoolGradient } from './maxPool.js';

/**
 * Operations on batch-last tensors, [H, W, C, B], that no file contains: the layout pass writes them for executors that lower
 * them, and for no other.
 */
const operations: Readonly<Record<string, Differentiable>> = {
  BatchLastConv: { gradient: convolutionGradient },
  BatchLastMaxPool: { gradient: maxPoolGradient },
};

export const batchLastOperationOf = (op: string): Differentiable | undefined =>
  Object.hasOwn(operations, op) ? operations[op] : undefined;

/** In plain ONNX. */
export const batchLastLowerings: Readonly<Record<string, Lowering>> = {
  ...convolutionLowerings,
  BatchLastMaxPool: maxPool,
};
