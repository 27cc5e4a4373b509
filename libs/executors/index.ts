export { findTensorFlow, loadTensorFlow } from './tensorflow/native.js';
export { tensorFlowExecutor } from './tensorflow/executor.js';
