export { MalformedModelError, UnsupportedModelError } from './errors.js';
export { mnistCnn, ModelBuilder, type ModelBuilderOptions, type WindowOptions } from './modelBuilder.js';
export { elementCount, floats, scalar, type ElementType, type Tensor, type TensorData } from './tensor.js';
