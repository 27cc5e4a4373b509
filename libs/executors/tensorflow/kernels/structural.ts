import {
  axisAttribute,
  elementCount,
  integersAttribute,
  numberAttribute,
  range,
  stringAttribute,
} from '#onnx-autodiff';
import { nativeType } from '../tensors.js';
import { constantOf, dimsOf, type KernelFactory } from './kernel.js';

const reshape: KernelFactory = (node, graph, operations) => {
  const shape = operations.integers(dimsOf(graph, node));
  const run = operations.prepareOne('Reshape');
  return ([x]) => (x ? [run(x, shape)] : []);
};

const transpose: KernelFactory = (node, graph, operations) => {
  const rank = dimsOf(graph, node).length;
  const order = operations.integers(integersAttribute(node, 'perm', range(0, rank).reverse()));
  const run = operations.prepareOne('Transpose');
  return ([x]) => (x ? [run(x, order)] : []);
};

const expand: KernelFactory = (node, graph, operations) => {
  const shape = operations.integers(dimsOf(graph, node));
  const run = operations.prepareOne('BroadcastTo');
  return ([x]) => (x ? [run(x, shape)] : []);
};

const concat: KernelFactory = (node, graph, operations) => {
  const type = nativeType(graph.type(node.outputs[0] ?? ''));
  if (!type) return undefined;
  const axis = operations.integers(axisAttribute(node, 'axis', 0, dimsOf(graph, node).length));
  const run = operations.prepareOne('ConcatV2', { N: node.inputs.length, T: { type } });
  return (inputs) => [run(...inputs, axis)];
};

const split: KernelFactory = (node, graph, operations) => {
  const axis = axisAttribute(node, 'axis', 0, graph.dims(node.inputs[0] ?? '').length);
  if (node.outputs.some((name) => name === '')) return undefined;
  const sizes = operations.integers(node.outputs.map((name) => graph.dims(name)[axis] ?? 0));
  const along = operations.integers(axis);
  const run = operations.prepare('SplitV', { num_split: node.outputs.length }, node.outputs.length);
  return ([x]) => (x ? run(x, sizes, along) : []);
};

/** First elements and strides; the ends follow from the shape of the result, on either side of 0. */
const slice: KernelFactory = (node, graph, operations) => {
  const dims = graph.dims(node.inputs[0] ?? '');
  const taken = dimsOf(graph, node);
  const starts = constantOf(graph, node, 1);
  const listed = node.inputs[3] ? constantOf(graph, node, 3) : range(0, starts?.length ?? 0);
  const given = node.inputs[4] ? constantOf(graph, node, 4) : starts?.map(() => 1);
  if (!starts || !listed || !given) return undefined;
  const [begin, end, strides] = [dims.map(() => 0), [...taken], dims.map(() => 1)];
  let openEnds = 0;
  listed.forEach((at, i) => {
    const axis = at < 0 ? at + dims.length : at;
    const [size, step] = [dims[axis] ?? 1, given[i] ?? 1];
    const wrapped = (starts[i] ?? 0) < 0 ? (starts[i] ?? 0) + size : (starts[i] ?? 0);
    const first = Math.max(0, Math.min(wrapped, step < 0 ? size - 1 : size));
    begin[axis] = first;
    strides[axis] = step;
    const stop = first + (taken[axis] ?? 0) * step;
    end[axis] = stop;
    // Backwards through element 0, "before the first" cannot be written as a number: the axis is left open.
    if (stop < 0) openEnds |= 1 << axis;
  });
  const bounds = [begin, end, strides].map((values) => operations.integers(values));
  const run = operations.prepareOne('StridedSlice', { end_mask: openEnds });
  return ([x]) => (x ? [run(x, ...bounds)] : []);
};

/** Constant and mirrored; negative pads, which crop, only where the rest is constant. */
const pad: KernelFactory = (node, graph, operations) => {
  const pads = constantOf(graph, node, 1);
  const mode = stringAttribute(node, 'mode', 'constant');
  if (!pads || !['constant', 'reflect'].includes(mode) || (node.inputs[3] ?? '') !== '') return undefined;
  const dims = graph.dims(node.inputs[0] ?? '');
  const rank = dims.length;
  const cropped = pads.some((amount) => amount < 0);
  if (
    mode === 'reflect' &&
    (cropped || dims.some((size, axis) => Math.max(pads[axis] ?? 0, pads[rank + axis] ?? 0) >= size))
  )
    return undefined;
  const grown = dims.flatMap((_, axis) => [Math.max(0, pads[axis] ?? 0), Math.max(0, pads[rank + axis] ?? 0)]);
  const paddings = operations.hold(operations.tf.tensor(Int32Array.from(grown), [rank, 2], 'int32'));
  if (mode === 'reflect') {
    const mirror = operations.prepareOne('MirrorPad', { mode: 'REFLECT' });
    return ([x]) => (x ? [mirror(x, paddings)] : []);
  }
  if (graph.type(node.inputs[0] ?? '') !== 'float32') return undefined;
  const zero = operations.float(0);
  const run = operations.prepareOne('PadV2');
  const begin = operations.integers(dims.map((_, axis) => Math.max(0, -(pads[axis] ?? 0))));
  const size = operations.integers(
    dims.map((length, axis) => length + Math.min(0, pads[axis] ?? 0) + Math.min(0, pads[rank + axis] ?? 0)),
  );
  const crop = operations.prepareOne('Slice');
  return ([x, , value]) => {
    if (!x) return [];
    const part = cropped ? crop(x, begin, size) : x;
    if (grown.every((amount) => amount === 0) && cropped) return [part];
    return [run(part, paddings, value ?? zero)];
  };
};

const gather: KernelFactory = (node, graph, operations) => {
  const dims = graph.dims(node.inputs[0] ?? '');
  const at = axisAttribute(node, 'axis', 0, dims.length);
  const chosen = constantOf(graph, node, 1);
  if (!chosen) return undefined;
  const size = dims[at] ?? 1;
  const indices = operations.hold(
    operations.tf.tensor(
      Int32Array.from(chosen, (index) => (index < 0 ? index + size : index)),
      graph.dims(node.inputs[1] ?? ''),
      'int32',
    ),
  );
  const axis = operations.integers(at);
  const run = operations.prepareOne('GatherV2');
  return ([x]) => (x ? [run(x, indices, axis)] : []);
};

/** Sums of scattered updates: as a list, each with the place it goes to. */
const scatterElements: KernelFactory = (node, graph, operations) => {
  const dims = graph.dims(node.inputs[0] ?? '');
  const indexDims = graph.dims(node.inputs[1] ?? '');
  const axis = axisAttribute(node, 'axis', 0, dims.length);
  const chosen = constantOf(graph, node, 1);
  if (stringAttribute(node, 'reduction', 'none') !== 'add' || !chosen) return undefined;
  const stride = (sizes: readonly number[], at: number) => elementCount(sizes.slice(at + 1));
  const places = chosen.map((index, at) =>
    dims.reduce((place, size, i) => {
      const own = Math.floor(at / stride(indexDims, i)) % (indexDims[i] ?? 1);
      const position = i !== axis ? own : index < 0 ? index + size : index;
      return place + position * stride(dims, i);
    }, 0),
  );
  const targets = operations.integers(places);
  const count = operations.integers(elementCount(dims));
  const flat = operations.integers([places.length]);
  const shape = operations.integers(dims);
  const [resize, sum, add] = ['Reshape', 'UnsortedSegmentSum', 'AddV2'].map((name) => operations.prepareOne(name));
  return ([data, , updates]) =>
    data && updates && resize && sum && add
      ? [add(data, resize(sum(resize(updates, flat), targets, count), shape))]
      : [];
};

const tile: KernelFactory = (node, graph, operations) => {
  const repeats = constantOf(graph, node, 1);
  if (!repeats) return undefined;
  const copies = operations.integers(repeats);
  const run = operations.prepareOne('Tile');
  return ([x]) => (x ? [run(x, copies)] : []);
};

const cumulativeSum: KernelFactory = (node, graph, operations) => {
  const axis = constantOf(graph, node, 1)?.[0];
  if (axis === undefined) return undefined;
  const along = operations.integers(axis);
  const run = operations.prepareOne('Cumsum', {
    exclusive: numberAttribute(node, 'exclusive', 0) !== 0,
    reverse: numberAttribute(node, 'reverse', 0) !== 0,
  });
  return ([x]) => (x ? [run(x, along)] : []);
};

export const structural: Record<string, KernelFactory> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
  Gather: gather,
  ScatterElements: scatterElements,
  Tile: tile,
  CumSum: cumulativeSum,
};
