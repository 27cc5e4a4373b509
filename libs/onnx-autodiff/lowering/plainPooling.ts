import { type Emitter, range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { integersAttribute, numberAttribute } from '../ops/attributes.js';
import { spelledOutWindow, type Window } from '../ops/window.js';
import { elementCount } from '../tensor.js';

/** Windows side by side compare each element with its window's maximum; others scatter by the indices of the maxima. */
export function maxPoolGradient(emit: Emitter, node: GraphNode): string {
  const kernel = integersAttribute(node, 'kernel_shape', []);
  const zeros = integersAttribute(node, 'pads', []).every((pad) => pad === 0) && !('auto_pad' in node.attributes);
  const strides = integersAttribute(
    node,
    'strides',
    kernel.map(() => 1),
  );
  const sideBySide = kernel.length === 2 && kernel.every((size, axis) => size === strides[axis]);
  const plain = integersAttribute(node, 'dilations', []).every((dilation) => dilation === 1);
  return zeros && sideBySide && plain && numberAttribute(node, 'ceil_mode', 0) === 0
    ? byComparison(emit, node, kernel)
    : byScattering(emit, node);
}

/** Nearest-neighbour upsampling lays each maximum over its window; equal maxima share the gradient. */
function byComparison(
  emit: Emitter,
  { inputs: [g = '', x = '', y = ''] }: GraphNode,
  kernel: readonly number[],
): string {
  const [rows = 1, channels = 1, ...sizes] = emit.dims(x);
  const pooled = emit.dims(y).slice(2);
  const covered = pooled.map((size, axis) => size * (kernel[axis] ?? 1));
  const coveredDims = [rows, channels, ...covered];
  const scales = emit.graph.constant([1, 1, ...kernel]);
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  const spread = (value: string) => emit.apply('Resize', [value, '', scales], attributes, coveredDims);

  const isMaximum = emit.compare('Equal', emit.slice(x, [2, 3], [0, 0], covered), spread(y));
  const share = emit.apply(
    'AveragePool',
    [emit.indicator(isMaximum)],
    { kernel_shape: kernel, strides: kernel },
    emit.dims(y),
  );
  const shared = emit.div(g, emit.mul(share, elementCount(kernel)));
  const rest = sizes.map((size, axis) => size - (covered[axis] ?? 0));
  return emit.pad(emit.where(isMaximum, spread(shared), 0), [0, 0, 0, 0, 0, 0, ...rest]);
}

function byScattering(emit: Emitter, { inputs: [g = '', x = '', y = ''], attributes }: GraphNode): string {
  const { graph } = emit;
  const inputDims = emit.dims(x);
  const [input, output] = [elementCount(inputDims), elementCount(emit.dims(y))];
  // Merges with the forward pass's MaxPool, which then delivers the indices too.
  const [again, indices] = [graph.fresh('MaxPool'), graph.fresh('indices')];
  graph.append({ op: 'MaxPool', inputs: [x], outputs: [again, indices], attributes }, [
    { type: 'float32', dims: emit.dims(y) },
    { type: 'int64', dims: emit.dims(y) },
  ]);
  const sums = emit.apply(
    'ScatterElements',
    [emit.zeros([input]), emit.reshape(indices, [output]), emit.reshape(g, [output])],
    { axis: 0, reduction: 'add' },
    [input],
  );
  return emit.reshape(sums, inputDims);
}

/** Each output spreads its share evenly over the elements that its window averaged. */
export function averagePoolGradient(emit: Emitter, node: GraphNode): string {
  const [g = ''] = node.inputs;
  const window = spelledOutWindow(node);
  const { kernel, strides, pads } = window;
  const rank = kernel.length;
  const inputDims = integersAttribute(node, 'input_dims', []);
  const [rows = 1, channels = 1, ...sizes] = inputDims;
  const pooled = emit.dims(g).slice(2);
  const includePads = numberAttribute(node, 'count_include_pad', 0) !== 0;
  const share = emit.mul(
    g,
    emit.graph.constant(reciprocalCounts(window, sizes, pooled, includePads), [1, 1, ...pooled]),
  );

  const sideBySide =
    pads.every((pad) => pad === 0) &&
    kernel.every((size, axis) => size === strides[axis] && sizes[axis] === size * (pooled[axis] ?? 1));
  if (sideBySide) {
    const split = pooled.flatMap((size) => [size, 1]);
    const copies = pooled.flatMap((size, axis) => [size, kernel[axis] ?? 1]);
    return emit.reshape(
      emit.expand(emit.reshape(share, [rows, channels, ...split]), [rows, channels, ...copies]),
      inputDims,
    );
  }
  const covered = pooled.map((size, axis) => (size - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1));
  const ones = emit.graph.constant(new Float32Array(elementCount(kernel)).fill(1), [1, 1, ...kernel]);
  const single = rows * channels;
  const spread = emit.apply(
    'ConvTranspose',
    [emit.reshape(share, [single, 1, ...pooled]), ones],
    { kernel_shape: kernel, strides },
    [single, 1, ...covered],
  );
  const before = pads.slice(0, rank).map((pad) => -pad);
  const after = covered.map((size, axis) => (sizes[axis] ?? 1) - (size - (pads[axis] ?? 0)));
  return emit.reshape(emit.pad(spread, [0, 0, ...before, 0, 0, ...after]), inputDims);
}

/** 1 / (number of elements that each output averages): a product of one count an axis. */
export function reciprocalCounts(
  window: Window,
  sizes: readonly number[],
  pooled: readonly number[],
  includePads: boolean,
): Float32Array {
  const { kernel, strides, pads } = window;
  const rank = kernel.length;
  const counts = kernel.reduce<number[]>(
    (outer, size, axis) => {
      const lowest = includePads ? -(pads[axis] ?? 0) : 0;
      const highest = (sizes[axis] ?? 1) + (includePads ? (pads[rank + axis] ?? 0) : 0);
      const along = range(0, pooled[axis] ?? 1).map((position) => {
        const start = position * (strides[axis] ?? 1) - (pads[axis] ?? 0);
        return Math.min(start + size, highest) - Math.max(start, lowest);
      });
      return outer.flatMap((count) => along.map((inner) => count * inner));
    },
    [1],
  );
  return Float32Array.from(counts, (count) => 1 / count);
}
