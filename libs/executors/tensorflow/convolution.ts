import { type Emitter, type GraphNode, groupOf, integersAttribute, range, type Window, windowOf } from '#onnx-autodiff';
import { asPlane, type Lower, restOnPlane, toChannelsFirst, toChannelsLast } from './layout.js';

/**
 * TensorFlow's convolutions have the channels last (x [N, ...sizes, C], w [...kernel, C, M]), two or three spatial axes, one
 * group or one for each channel, and gradients without dilation. What ONNX has beyond that is written here with what there is.
 */
export const convolution: Lower = (emit, node) => {
  const [x = '', w = '', bias = ''] = node.inputs;
  const window = windowOf(node, emit.dims(x).slice(2), emit.dims(w).slice(2));
  return withBias(emit, convolve(emit, x, w, window, groupOf(node)), bias);
};

/** The input gradient of a convolution with the same weights. */
export const transposedConvolution: Lower = (emit, node, dims) => {
  const [x = '', w = '', bias = ''] = node.inputs;
  if ('auto_pad' in node.attributes || 'output_shape' in node.attributes)
    return emit.apply(node.op, node.inputs, node.attributes, dims);
  const window = windowOf(node, dims.slice(2), emit.dims(w).slice(2));
  return withBias(emit, adjointOfInput(emit, x, w, window, groupOf(node), dims), bias);
};

export const inputGradient: Lower = (emit, node, dims) => {
  const [g = '', w = ''] = node.inputs;
  return adjointOfInput(emit, g, w, spelledOut(node), groupOf(node), dims);
};

export const weightGradient: Lower = (emit, node, dims) => {
  const [x = '', g = ''] = node.inputs;
  return adjointOfWeights(emit, x, g, spelledOut(node), groupOf(node), dims);
};

const spelledOut = (node: GraphNode): Window => windowOf(node, [], integersAttribute(node, 'kernel_shape', []));

function withBias(emit: Emitter, y: string, bias: string): string {
  if (bias === '') return y;
  const rank = emit.dims(y).length;
  return emit.add(y, emit.reshape(bias, [1, emit.dims(bias)[0] ?? 1, ...Array<number>(rank - 2).fill(1)]));
}

function convolve(emit: Emitter, x: string, w: string, window: Window, group: number): string {
  if (window.kernel.length === 1) {
    const plane = (value: string) => emit.reshape(value, asPlane(emit.dims(value)));
    const y = convolve(emit, plane(x), plane(w), restOnPlane(window), group);
    return emit.reshape(y, emit.dims(y).toSpliced(2, 1));
  }
  const { strides, dilations } = window;
  const sizes = window.kernel.map((size, axis) => {
    const [before, after] = padsAt(window, axis);
    const reach = (emit.dims(x)[2 + axis] ?? 1) + before + after - (dilations[axis] ?? 1) * (size - 1) - 1;
    return Math.floor(reach / (strides[axis] ?? 1)) + 1;
  });
  const [data, pads] = padded(emit, toChannelsLast(emit, x), window);
  const outputs = (channels: number) => [emit.dims(x)[0] ?? 1, ...sizes, channels];
  const attributes = { strides, dilations, pads };
  if (isDepthwise(emit.dims(w), window, group)) {
    const filter = depthwiseFilter(emit, w, group);
    return toChannelsFirst(emit, emit.apply('TfDepthwise', [data, filter], attributes, outputs(emit.dims(w)[0] ?? 1)));
  }
  const parts = split(emit, w, 0, group).map((part, i) => {
    const filter = emit.transpose(part, filterOrder(window.kernel.length));
    const channels = split(emit, data, window.kernel.length + 1, group)[i] ?? '';
    return emit.apply('TfConv', [channels, filter], attributes, outputs(emit.dims(part)[0] ?? 1));
  });
  return toChannelsFirst(emit, emit.concat(parts, window.kernel.length + 1));
}

function adjointOfInput(
  emit: Emitter,
  g: string,
  w: string,
  window: Window,
  group: number,
  inputDims: readonly number[],
): string {
  const rank = window.kernel.length;
  if (rank === 1) {
    const plane = (value: string) => emit.reshape(value, asPlane(emit.dims(value)));
    const dx = adjointOfInput(emit, plane(g), plane(w), restOnPlane(window), group, asPlane(inputDims));
    return emit.reshape(dx, inputDims);
  }
  const full = undilated(window);
  const weights = window.dilations.reduce(
    (value, step, axis) => (step === 1 ? value : emit.dilate(value, 2 + axis, step)),
    w,
  );
  const [rows = 1, channels = 1, ...sizes] = inputDims;
  const { data: target, pads, crop } = target3D(emit, [rows, ...sizes], full);
  const attributes = { strides: full.strides, pads };
  const adjoint = toChannelsLast(emit, g);
  if (isDepthwise(emit.dims(weights), full, group)) {
    const filter = depthwiseFilter(emit, weights, group);
    const dims = [...target, channels];
    return toChannelsFirst(emit, crop(emit.apply('TfDepthwiseInputGradient', [filter, adjoint], attributes, dims)));
  }
  const parts = split(emit, weights, 0, group).map((part, i) => {
    const filter = emit.transpose(part, filterOrder(rank));
    const own = split(emit, adjoint, rank + 1, group)[i] ?? '';
    return emit.apply('TfConvInputGradient', [filter, own], attributes, [...target, channels / group]);
  });
  return toChannelsFirst(emit, crop(emit.concat(parts, rank + 1)));
}

function adjointOfWeights(
  emit: Emitter,
  x: string,
  g: string,
  window: Window,
  group: number,
  weightDims: readonly number[],
): string {
  const rank = window.kernel.length;
  if (rank === 1) {
    const plane = (value: string) => emit.reshape(value, asPlane(emit.dims(value)));
    const dw = adjointOfWeights(emit, plane(x), plane(g), restOnPlane(window), group, asPlane(weightDims));
    return emit.reshape(dw, weightDims);
  }
  const full = undilated(window);
  const [outputs = 1, perGroup = 1] = weightDims;
  const [data, pads] = padded(emit, toChannelsLast(emit, x), full);
  const adjoint = toChannelsLast(emit, g);
  const attributes = { strides: full.strides, pads };
  const taps = (dw: string): string =>
    emit.slice(
      dw,
      range(2, 2 + rank),
      full.kernel.map(() => 0),
      full.kernel,
      window.dilations,
    );
  if (isDepthwise(weightDims, full, group)) {
    const dims = [...full.kernel, group, outputs / group];
    const dw = emit.apply('TfDepthwiseFilterGradient', [data, adjoint], attributes, dims);
    return taps(emit.reshape(emit.transpose(dw, [2, 3, 0, 1]), [outputs, 1, ...full.kernel]));
  }
  const adjoints = split(emit, adjoint, rank + 1, group);
  const parts = split(emit, data, rank + 1, group).map((part, i) =>
    emit.apply('TfConvFilterGradient', [part, adjoints[i] ?? ''], attributes, [
      ...full.kernel,
      perGroup,
      outputs / group,
    ]),
  );
  return taps(emit.transpose(emit.concat(parts, rank + 1), [rank + 1, rank, ...range(0, rank)]));
}

/** The same window over a kernel with zeros between its taps. */
const undilated = (window: Window): Window => ({
  ...window,
  kernel: window.kernel.map((size, axis) => (window.dilations[axis] ?? 1) * (size - 1) + 1),
  dilations: window.kernel.map(() => 1),
});

const padsAt = ({ kernel, pads }: Window, axis: number): [before: number, after: number] => [
  pads[axis] ?? 0,
  pads[kernel.length + axis] ?? 0,
];

/** TensorFlow pads planes itself; volumes are padded before. Gives the data and the pads that are left to do. */
function padded(emit: Emitter, x: string, { kernel, pads }: Window): [data: string, pads: readonly number[]] {
  const rank = kernel.length;
  if (rank === 2) return [x, pads];
  return [emit.pad(x, [0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank), 0]), pads.map(() => 0)];
}

/** What the input gradient is computed for: the input as it is, or (volumes) with its pads, which are cut off after. */
function target3D(emit: Emitter, dims: readonly number[], { kernel, pads }: Window) {
  const rank = kernel.length;
  if (rank === 2) return { data: dims, pads, crop: (dx: string) => dx };
  const cut = pads.map((pad) => -pad);
  return {
    data: dims.map((size, axis) => (axis === 0 ? size : size + (pads[axis - 1] ?? 0) + (pads[rank + axis - 1] ?? 0))),
    pads: pads.map(() => 0),
    crop: (dx: string) => emit.pad(dx, [0, ...cut.slice(0, rank), 0, 0, ...cut.slice(rank), 0]),
  };
}

/** [M, C, ...kernel] to [...kernel, C, M]. */
const filterOrder = (rank: number): number[] => [...range(2, 2 + rank), 1, 0];

/** TensorFlow's own kernel: one channel to one or more, planes, the same stride on both axes, no dilation. */
const isDepthwise = (weightDims: readonly number[], { kernel, strides, dilations }: Window, group: number): boolean =>
  group > 1 &&
  weightDims[1] === 1 &&
  kernel.length === 2 &&
  strides[0] === strides[1] &&
  dilations.every((dilation) => dilation === 1);

/** [C x copies, 1, ...kernel] to [...kernel, C, copies]. */
function depthwiseFilter(emit: Emitter, w: string, group: number): string {
  const [outputs = 1, , ...kernel] = emit.dims(w);
  return emit.transpose(emit.reshape(w, [group, outputs / group, ...kernel]), [2, 3, 0, 1]);
}

function split(emit: Emitter, value: string, axis: number, parts: number): string[] {
  const size = (emit.dims(value)[axis] ?? 1) / parts;
  return range(0, parts).map((part) => emit.slice(value, [axis], [part * size], [(part + 1) * size]));
}
