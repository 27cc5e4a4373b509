import { type Emitter, range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { integersAttribute } from '../ops/attributes.js';
import { groupOf, spelledOutWindow, type Window, windowAttributes } from '../ops/window.js';
import { elementCount } from '../tensor.js';

/** With so few input channels a transposed convolution is faster than a convolution with turned weights. */
const FEW_CHANNELS = 4;
const spatialAxes = (rank: number): number[] => range(2, 2 + rank);

/** The adjoint of x: a transposed convolution where ONNX Runtime takes one, else a convolution with turned weights. */
export function inputGradient(emit: Emitter, node: GraphNode): string {
  const [g = '', w = ''] = node.inputs;
  const window = spelledOutWindow(node);
  const { kernel, strides, dilations } = window;
  const inputDims = integersAttribute(node, 'input_dims', []);
  const extra = kernel.map((size, axis) => {
    const covered =
      (strides[axis] ?? 1) * ((emit.dims(g)[2 + axis] ?? 1) - 1) + (dilations[axis] ?? 1) * (size - 1) + 1;
    return (inputDims[2 + axis] ?? 1) - (covered - padsAt(window, axis).reduce((a, b) => a + b));
  });
  const transposable = extra.every(
    (rest, axis) => rest >= 0 && rest < Math.max(strides[axis] ?? 1, dilations[axis] ?? 1),
  );
  const unitStride = strides.every((stride) => stride === 1);
  const fewChannels = (emit.dims(w)[1] ?? 1) <= FEW_CHANNELS && kernel.length === 2 && elementCount(kernel) > 1;
  if (!transposable || (unitStride && !fewChannels))
    return turnedConvolution(emit, g, w, window, groupOf(node), inputDims);
  const attributes = { ...windowAttributes(window), group: groupOf(node), output_padding: extra };
  return emit.apply('ConvTranspose', [g, w], attributes, inputDims);
}

const padsAt = ({ kernel, pads }: Window, axis: number): [before: number, after: number] => [
  pads[axis] ?? 0,
  pads[kernel.length + axis] ?? 0,
];

/** Convolution of g (zeros between its elements where x was strided over) with w turned by 180° and channels swapped. */
function turnedConvolution(
  emit: Emitter,
  g: string,
  w: string,
  window: Window,
  group: number,
  inputDims: readonly number[],
): string {
  const { kernel, strides, dilations } = window;
  const rank = kernel.length;
  const [outputs = 1, perGroup = 1] = emit.dims(w);
  const grouped = emit.reshape(w, [group, outputs / group, perGroup, ...kernel]);
  const swapped = emit.transpose(grouped, [0, 2, 1, ...range(3, 3 + rank)]);
  const weights = emit.reverse(
    emit.reshape(swapped, [group * perGroup, outputs / group, ...kernel]),
    spatialAxes(rank),
  );
  const stuffed = strides.reduce(
    (value, stride, axis) => (stride === 1 ? value : emit.dilate(value, 2 + axis, stride)),
    g,
  );
  const before = kernel.map((size, axis) => (dilations[axis] ?? 1) * (size - 1) - padsAt(window, axis)[0]);
  const after = kernel.map((size, axis) => {
    const reach = (emit.dims(stuffed)[2 + axis] ?? 1) + (before[axis] ?? 0) - (dilations[axis] ?? 1) * (size - 1);
    return (inputDims[2 + axis] ?? 1) - reach;
  });
  // Conv takes no negative pads: crop first.
  const negative = (pads: readonly number[]) => pads.map((pad) => Math.min(pad, 0));
  const positive = (pads: readonly number[]) => pads.map((pad) => Math.max(pad, 0));
  const cropped = emit.pad(stuffed, [0, 0, ...negative(before), 0, 0, ...negative(after)]);
  const attributes = windowAttributes({
    kernel,
    dilations,
    strides: kernel.map(() => 1),
    pads: [...positive(before), ...positive(after)],
  });
  return emit.apply('Conv', [cropped, weights], { ...attributes, group }, inputDims);
}

/** The adjoint of w. */
export function weightGradient(emit: Emitter, node: GraphNode): string {
  const [x = '', g = ''] = node.inputs;
  const [outputs = 1, perGroup = 1] = integersAttribute(node, 'weight_dims', []);
  const group = groupOf(node);
  const shape = { window: spelledOutWindow(node), group, outputs, perGroup };
  if (group === 1) return byMatrixProduct(emit, x, g, shape);
  return perGroup === 1 && outputs === group ? depthwise(emit, x, g, shape) : bySwappedRoles(emit, x, g, shape);
}

interface WeightShape {
  readonly window: Window;
  readonly group: number;
  readonly outputs: number;
  readonly perGroup: number;
}

/** im2col: for each kernel offset the part of x that it meets, all stacked, times g: one large matrix product. */
function byMatrixProduct(emit: Emitter, x: string, g: string, { window, outputs }: WeightShape): string {
  const { kernel } = window;
  const rank = kernel.length;
  const [rows = 1, channels = 1] = emit.dims(x);
  const positions = emit.dims(g).slice(2);
  const channelsFirst = [1, 0, ...spatialAxes(rank)];
  const padded = emit.transpose(padSpatially(emit, x, window), channelsFirst);
  const parts = kernelOffsets(window).map((offset) => partAt(emit, padded, offset, positions, window));
  const columns = emit.reshape(emit.concat(parts, 0), [channels * parts.length, rows * elementCount(positions)]);
  const adjoints = emit.reshape(emit.transpose(g, channelsFirst), [outputs, rows * elementCount(positions)]);
  const product = emit.reshape(emit.gemm(adjoints, columns, { transB: true }), [outputs, ...kernel, channels]);
  return emit.transpose(product, [0, rank + 1, ...range(1, rank + 1)]);
}

/** One channel to one channel: a product and a sum for each kernel offset. */
function depthwise(emit: Emitter, x: string, g: string, { window, outputs }: WeightShape): string {
  const padded = padSpatially(emit, x, window);
  const positions = emit.dims(g).slice(2);
  const sums = kernelOffsets(window).map((offset) => {
    const product = emit.mul(partAt(emit, padded, offset, positions, window), g);
    return emit.reshape(emit.sum(product, [0, ...spatialAxes(positions.length)], false), [outputs, 1]);
  });
  return emit.reshape(emit.concat(sums, 1), [outputs, 1, ...window.kernel]);
}

/** A convolution of x by g with rows and channels swapped, strides and dilations swapped; what is beyond the kernel is cut off. */
function bySwappedRoles(
  emit: Emitter,
  x: string,
  g: string,
  { window, group, outputs, perGroup }: WeightShape,
): string {
  const { kernel, strides, dilations, pads } = window;
  const rank = kernel.length;
  const [rows = 1, , ...sizes] = emit.dims(x);
  const positions = emit.dims(g).slice(2);
  const spatial = range(3, 3 + rank);
  const data = emit.transpose(emit.reshape(x, [rows, group, perGroup, ...sizes]), [2, 1, 0, ...spatial]);
  const filter = emit.transpose(emit.reshape(g, [rows, group, outputs / group, ...positions]), [1, 2, 0, ...spatial]);
  const found = kernel.map((_, axis) => {
    const [before, after] = padsAt(window, axis);
    const reach = (strides[axis] ?? 1) * ((positions[axis] ?? 1) - 1) + 1;
    return Math.floor(((sizes[axis] ?? 1) + before + after - reach) / (dilations[axis] ?? 1)) + 1;
  });
  const product = emit.apply(
    'Conv',
    [emit.reshape(data, [perGroup, group * rows, ...sizes]), emit.reshape(filter, [outputs, rows, ...positions])],
    { ...windowAttributes({ kernel: positions, strides: dilations, dilations: strides, pads }), group },
    [perGroup, outputs, ...found],
  );
  const cut = emit.slice(
    product,
    spatialAxes(rank),
    kernel.map(() => 0),
    kernel,
  );
  return emit.transpose(cut, [1, 0, ...spatialAxes(rank)]);
}

const padSpatially = (emit: Emitter, x: string, { kernel, pads }: Window): string =>
  emit.pad(x, [0, 0, ...pads.slice(0, kernel.length), 0, 0, ...pads.slice(kernel.length)]);

const kernelOffsets = ({ kernel, dilations }: Window): number[][] =>
  kernel.reduce<number[][]>(
    (offsets, size, axis) =>
      offsets.flatMap((offset) => range(0, size).map((tap) => [...offset, tap * (dilations[axis] ?? 1)])),
    [[]],
  );

/** What one kernel offset meets at all output positions. */
function partAt(
  emit: Emitter,
  padded: string,
  offset: readonly number[],
  positions: readonly number[],
  { strides }: Window,
): string {
  const ends = offset.map((start, axis) => start + ((positions[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1);
  const steps = strides.some((stride) => stride > 1) ? strides : undefined;
  return emit.slice(padded, spatialAxes(offset.length), offset, ends, steps);
}
