import type { Lowerings } from './lowering.js';
import { inputGradient, weightGradient } from './plainConvolution.js';
import { averagePoolGradient, maxPoolGradient } from './plainPooling.js';

/** How ONNX Runtime's inference build computes the gradient operations. */
export const onnxRuntimeLowerings: Lowerings = {
  ConvInputGradient: inputGradient,
  ConvWeightGradient: weightGradient,
  MaxPoolGradient: maxPoolGradient,
  AveragePoolGradient: averagePoolGradient,
};
