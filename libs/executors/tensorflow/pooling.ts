import {
  elementCount,
  type Emitter,
  type GraphNode,
  integersAttribute,
  numberAttribute,
  onnxRuntimeLowerings,
  range,
  reciprocalCounts,
  type Window,
  windowOf,
} from '#onnx-autodiff';
import { asPlane, type Lower, restOnPlane, toChannelsFirst, toChannelsLast } from './layout.js';

/** Planes (a line is one of height 1) without dilation; other pools are left to ONNX Runtime. */
export const maxPool: Lower = (emit, node, dims) => {
  const [x = ''] = node.inputs;
  const window = windowOver(node, emit.dims(x));
  if (!isPlain(window)) return emit.apply(node.op, [x], node.attributes, dims);
  const [plane, over] = onPlane(emit, x, window);
  const y = emit.apply(
    'TfMaxPool',
    [toChannelsLast(emit, plane)],
    poolAttributes(emit, plane, over, dims),
    channelsLast(dims),
  );
  return emit.reshape(toChannelsFirst(emit, y), dims);
};

/** TensorFlow gives the gradient to the first of equal maxima. */
export const maxPoolGradient: Lower = (emit, node, dims) => {
  const [g = '', x = '', y = ''] = node.inputs;
  const window = windowOver(node, dims);
  if (!isPlain(window)) return onnxRuntimeLowerings.MaxPoolGradient(emit, node);
  const [plane, over] = onPlane(emit, x, window);
  const last = (value: string) => toChannelsLast(emit, onPlane(emit, value, window)[0]);
  const attributes = poolAttributes(emit, plane, over, emit.dims(y));
  const dx = emit.apply('TfMaxPoolGradient', [last(x), last(y), last(g)], attributes, channelsLast(dims));
  return emit.reshape(toChannelsFirst(emit, dx), dims);
};

export const averagePool: Lower = (emit, node, dims) => {
  const [x = ''] = node.inputs;
  const window = windowOver(node, emit.dims(x));
  if (!isPlain(window)) return emit.apply(node.op, [x], node.attributes, dims);
  const [plane, over] = onPlane(emit, x, window);
  const { kernel, strides, pads } = poolAttributes(emit, plane, over, dims);
  const data = emit.pad(toChannelsLast(emit, plane), [0, ...pads.slice(0, 2), 0, 0, ...pads.slice(2), 0]);
  const y = emit.apply('TfAveragePool', [data], { kernel, strides }, channelsLast(dims));
  const scaled = emit.mul(toChannelsFirst(emit, y), scales(emit, node, over, emit.dims(plane), emit.dims(y)));
  return emit.reshape(scaled, dims);
};

export const averagePoolGradient: Lower = (emit, node, dims) => {
  const [g = ''] = node.inputs;
  const window = windowOver(node, dims);
  if (!isPlain(window)) return onnxRuntimeLowerings.AveragePoolGradient(emit, node);
  const [plane, over] = onPlane(emit, g, window);
  const inputDims = window.kernel.length === 1 ? asPlane(dims) : dims;
  const [rows = 1, channels = 1, ...sizes] = inputDims;
  const { kernel, strides, pads } = attributesFor(sizes, over, emit.dims(plane).slice(2));
  const spread = emit.mul(plane, scales(emit, node, over, inputDims, channelsLast(emit.dims(plane))));
  const padded = [rows, ...sizes.map((size, axis) => size + (pads[axis] ?? 0) + (pads[2 + axis] ?? 0)), channels];
  const dx = emit.apply('TfAveragePoolGradient', [toChannelsLast(emit, spread)], { kernel, strides }, padded);
  const cut = pads.map((pad) => -pad);
  const own = emit.pad(dx, [0, ...cut.slice(0, 2), 0, 0, ...cut.slice(2), 0]);
  return emit.reshape(toChannelsFirst(emit, own), dims);
};

const windowOver = (node: GraphNode, inputDims: readonly number[]): Window =>
  windowOf(node, inputDims.slice(2), integersAttribute(node, 'kernel_shape', []));

const isPlain = ({ kernel, dilations }: Window): boolean =>
  kernel.length <= 2 && dilations.every((dilation) => dilation === 1);

function onPlane(emit: Emitter, value: string, window: Window): [value: string, window: Window] {
  if (window.kernel.length === 2) return [value, window];
  return [emit.reshape(value, asPlane(emit.dims(value))), restOnPlane(window)];
}

/** [N, C, ...sizes] as [N, height, width, C]. */
function channelsLast([rows = 1, channels = 1, ...sizes]: readonly number[]): number[] {
  return [rows, ...(sizes.length === 1 ? [1] : []), ...sizes, channels];
}

const poolAttributes = (emit: Emitter, plane: string, window: Window, pooled: readonly number[]) =>
  attributesFor(emit.dims(plane).slice(2), window, channelsLast(pooled).slice(1, 3));

/** As many pads at the end as the given number of windows needs, whatever the rounding was. */
function attributesFor(sizes: readonly number[], { kernel, strides, pads }: Window, pooled: readonly number[]) {
  const after = kernel.map((size, axis) => {
    const reach = ((pooled[axis] ?? 1) - 1) * (strides[axis] ?? 1) + size;
    return Math.max(0, reach - (sizes[axis] ?? 1) - (pads[axis] ?? 0));
  });
  return { kernel, strides, pads: [...pads.slice(0, 2), ...after] };
}

/** TensorFlow divides by the size of the window; what of it lay outside may not count. [1, 1, height, width]. */
function scales(
  emit: Emitter,
  node: GraphNode,
  window: Window,
  inputDims: readonly number[],
  [, height = 1, width = 1]: readonly number[],
): string | number {
  const includePads = numberAttribute(node, 'count_include_pad', 0) !== 0;
  const area = elementCount(window.kernel);
  const factors = reciprocalCounts(window, inputDims.slice(2), [height, width], includePads).map(
    (share) => share * area,
  );
  if (factors.every((factor) => factor === factors[0])) return factors[0] ?? 1;
  return emit.graph.constant(factors, [1, 1, height, width]);
}

/** All of a channel's elements. */
export const globalPool =
  (reduce: 'mean' | 'maximum'): Lower =>
  (emit, node) => {
    const [x = ''] = node.inputs;
    return emit[reduce](x, range(2, emit.dims(x).length));
  };
