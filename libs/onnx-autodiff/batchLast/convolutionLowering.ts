import type { Lowering } from '../lowering/lowering.js';

/**
 * One way to compute a convolution of x [H, W, C, B] with w [taps, O, C]. Attributes of the three nodes: those of Conv,
 * `algorithm`, `output_sizes` [rows, columns], `input_dims` and `weight_dims`.
 */
export interface ConvolutionLowering {
  /** (x, w) */
  readonly forward: Lowering;
  /** (adjoint of y, w) */
  readonly inputGradient: Lowering;
  /** (x, adjoint of y) */
  readonly weightGradient: Lowering;
}
