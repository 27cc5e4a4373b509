import { elementwise } from './elementwise.js';
import type { KernelFactory } from './kernel.js';
import { linear } from './linear.js';
import { spatial } from './spatial.js';
import { structural } from './structural.js';

/** What TensorFlow runs; everything else is left to ONNX Runtime, node by node. */
export const kernels: Readonly<Record<string, KernelFactory>> = {
  ...elementwise,
  ...linear,
  ...spatial,
  ...structural,
};
