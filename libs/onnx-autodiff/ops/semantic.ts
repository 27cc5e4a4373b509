/**
 * Operations that only gradients use. ONNX has no such operation, so each executor lowers them in its own way:
 * - ConvInputGradient(adjoint of y, w), attributes of Conv and `input_dims` -> adjoint of x
 * - ConvWeightGradient(x, adjoint of y), attributes of Conv and `weight_dims` -> adjoint of w
 * - MaxPoolGradient(adjoint of y, x, y), attributes of MaxPool -> adjoint of x
 * - AveragePoolGradient(adjoint of y), attributes of AveragePool, its pads resolved, and `input_dims` -> adjoint of x
 */
export type SemanticOperation = 'ConvInputGradient' | 'ConvWeightGradient' | 'MaxPoolGradient' | 'AveragePoolGradient';
