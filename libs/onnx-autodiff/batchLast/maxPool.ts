import type { Lowering } from '../lowering/lowering.js';
import { integersAttribute } from '../ops/attributes.js';
import type { GradientRule } from '../ops/definition.js';

/** HardSigmoid with this slope and offset 1 is 1 for 0, and 0 for any number below. */
const HUGE = 1e38;

/** Of windows side by side over x [H, W, C, B]: a view with the places within a window on axes of their own. */
const viewed = (dims: readonly number[], [kernelRows = 1, kernelColumns = 1]: readonly number[]) => {
  const [height = 1, width = 1, channels = 1, batch = 1] = dims;
  return {
    rows: height / kernelRows,
    kernelRows,
    columns: width / kernelColumns,
    kernelColumns,
    inner: channels * batch,
  };
};

/** The maximum down, then across. */
export const maxPool: Lowering = (emit, node) => {
  const [x = ''] = node.inputs;
  const dims = emit.dims(x);
  const { rows, kernelRows, columns, kernelColumns, inner } = viewed(dims, integersAttribute(node, 'kernel_shape', []));
  const down = emit.maximum(emit.reshape(x, [rows, kernelRows, columns * kernelColumns * inner]), [1], false);
  const across = emit.maximum(emit.reshape(down, [rows * columns, kernelColumns, inner]), [1], false);
  return emit.reshape(across, [rows, columns, ...dims.slice(2)]);
};

/** Equal maxima share the gradient. */
export const maxPoolGradient: GradientRule = ({ emit, node, g, y }) => {
  const [x = ''] = node.inputs;
  const { rows, kernelRows, columns, kernelColumns, inner } = viewed(
    emit.dims(x),
    integersAttribute(node, 'kernel_shape', []),
  );
  const window = [rows, 1, columns, 1, inner];
  const difference = emit.sub(
    emit.reshape(x, [rows, kernelRows, columns, kernelColumns, inner]),
    emit.reshape(y, window),
  );
  const isMaximum = emit.unary('HardSigmoid', difference, { alpha: HUGE, beta: 1 });
  const down = emit.sum(emit.reshape(isMaximum, [rows, kernelRows, columns * kernelColumns * inner]), [1], false);
  const count = emit.sum(emit.reshape(down, [rows * columns, kernelColumns, inner]), [1], false);
  const share = emit.div(emit.reshape(g, window), emit.reshape(count, window));
  return [emit.reshape(emit.mul(isMaximum, share), emit.dims(x))];
};
