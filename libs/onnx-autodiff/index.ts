export { bakeWeights, type Classifier, loadClassifier, type LoadOptions, weightInputs } from './classifier.js';
export { Emitter, type Operand } from './emitter.js';
export { MalformedModelError, UnsupportedModelError } from './errors.js';
export type { CompiledGraph, Executor } from './executor.js';
export { type ExternalPlace, withExternalData } from './externalData.js';
export { compileForward, type Forward } from './forward.js';
export { gradients, type GradientOptions } from './gradients.js';
export { Graph, type GraphNode } from './graph.js';
export {
  type ChooseClasses,
  compileLogitGradients,
  type LogitGradients,
  type LogitGradientsResult,
} from './logitGradients.js';
export type { LoweringChoice } from './networkForms.js';
export { peakBytes } from './memory.js';
export type { ModelParameter, ModelValue, OnnxModel } from './model.js';
export { mnistCnn, ModelBuilder, type ModelBuilderOptions, type WindowOptions } from './modelBuilder.js';
export { ortExecutor, type OrtOptions } from './ortExecutor.js';
export { parseModel } from './parseModel.js';
export { patchWeights } from './patchWeights.js';
export { takingRawRows, type Standardization } from './standardize.js';
export { elementCount, floats, scalar, type ElementType, type Tensor, type TensorData } from './tensor.js';
// For executors of other libs: what a graph is made of, and how it is rewritten.
export { range } from './emitter.js';
export { lower, type Lowering, type Lowerings } from './lowering/lowering.js';
export { onnxRuntimeLowerings } from './lowering/onnxRuntime.js';
export { reciprocalCounts } from './lowering/plainPooling.js';
export { simplify } from './lowering/simplify.js';
export { axisAttribute, integersAttribute, numberAttribute, stringAttribute } from './ops/attributes.js';
export { groupOf, type Window, windowOf } from './ops/window.js';
export { asNumbers, sameDims } from './tensor.js';
