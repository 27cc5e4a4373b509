import { batchLastLowerings } from '../batchLast/operations.js';
import { reduceSum } from '../batchLast/sums.js';
import type { Lowerings } from './lowering.js';
import { inputGradient, weightGradient } from './plainConvolution.js';
import { averagePoolGradient, maxPoolGradient } from './plainPooling.js';

/** How ONNX Runtime's inference build computes the gradient operations. */
export const onnxRuntimeLowerings = {
  ConvInputGradient: inputGradient,
  ConvWeightGradient: weightGradient,
  MaxPoolGradient: maxPoolGradient,
  AveragePoolGradient: averagePoolGradient,
  ReduceSum: reduceSum,
  ...batchLastLowerings,
} satisfies Lowerings;
