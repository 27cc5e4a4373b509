import { range } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { asNumbers, elementCount, type Tensor } from '../tensor.js';
import { axisAttribute, integersAttribute, numberAttribute, stringAttribute } from './attributes.js';
import {
  attributeToInput,
  type Backward,
  type Differentiable,
  type GradientRule,
  type Importing,
  type Operation,
  withAttributes,
  writeNodes,
} from './definition.js';
import { resizedByMatrices } from './interpolation.js';

const passOn: GradientRule = ({ g }) => [g];
const reshapeBack: GradientRule = (backward) => [backward.emit.reshape(backward.g, backward.dims(0))];

/** Through whole numbers nothing changes but in jumps. */
const castGradient: GradientRule = ({ graph, g, node, y }) =>
  [node.inputs[0] ?? '', y].every((name) => graph.type(name) === 'float32') ? [g] : [];

const transposeGradient: GradientRule = ({ emit, node, g }) => {
  const rank = emit.dims(g).length;
  const perm = integersAttribute(node, 'perm', range(0, rank).reverse());
  return [
    emit.transpose(
      g,
      range(0, rank).map((axis) => perm.indexOf(axis)),
    ),
  ];
};

const concatGradient: GradientRule = ({ emit, node, g, needs }) => {
  const axis = axisAttribute(node, 'axis', 0, emit.dims(g).length);
  let start = 0;
  return node.inputs.map((name, i) => {
    const end = start + (emit.dims(name)[axis] ?? 0);
    const part = needs(i) && emit.slice(g, [axis], [start], [end]);
    start = end;
    return part;
  });
};

const splitGradient: GradientRule = (backward) => {
  const { emit, node, adjoints } = backward;
  const parts = node.outputs.map((name, i) => adjoints[i] ?? emit.zeros(emit.dims(name)));
  return [emit.concat(parts, axisAttribute(node, 'axis', 0, backward.dims(0).length))];
};

/** Opset 13 moved the sizes to an input; opset 18 allows a number of parts instead, of which the last one may be smaller. */
function normalizeSplit(node: GraphNode, file: Importing): readonly GraphNode[] {
  if (node.attributes.num_outputs === undefined) return [attributeToInput(node, 'split', 1, file)];
  const { nodes, apply } = writeNodes(node, file);
  const [x = ''] = node.inputs;
  const parts = numberAttribute(node, 'num_outputs', 1);
  const [count, oneLess] = [file.integers([parts]), file.integers([parts - 1])];
  const size = apply('Gather', [apply('Shape', [x]), file.integers([numberAttribute(node, 'axis', 0)])]);
  const part = apply('Div', [apply('Add', [size, oneLess]), count]);
  const last = apply('Sub', [size, apply('Mul', [part, oneLess])]);
  const sizes = apply('Concat', [...Array<string>(parts - 1).fill(part), last], { axis: 0 });
  return [...nodes, withAttributes({ ...node, inputs: [x, sizes] }, { num_outputs: undefined })];
}

const expandGradient: GradientRule = (backward) => [backward.emit.unbroadcast(backward.g, backward.dims(0))];

/** Any selection of elements by constant indices: adds each gradient to where its element came from. */
function scatterBack({ emit, g }: Backward, source: readonly number[], dims: readonly number[]): string {
  const flat = emit.reshape(g, [source.length]);
  const indices = emit.graph.constant(BigInt64Array.from(source, BigInt), [source.length], 'int64');
  const count = elementCount(dims);
  const sums = emit.apply('ScatterElements', [emit.zeros([count]), indices, flat], { axis: 0, reduction: 'add' }, [
    count,
  ]);
  return emit.reshape(sums, dims);
}

const gatherGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const dims = backward.dims(0);
  const axis = axisAttribute(node, 'axis', 0, dims.length);
  const size = dims[axis] ?? 1;
  const chosen = asNumbers(backward.constantOf(1, 'indices')).map((index) => (index < 0 ? index + size : index));
  const along = (count: number, fill: number) => dims.map((dim, i) => (i === axis ? count : fill === 0 ? dim : fill));
  const updates = emit.reshape(g, along(chosen.length, 0));
  const column = emit.graph.constant(BigInt64Array.from(chosen, BigInt), along(chosen.length, 1), 'int64');
  const indices = emit.expand(column, along(chosen.length, 0));
  return [emit.apply('ScatterElements', [emit.zeros(dims), indices, updates], { axis, reduction: 'add' }, dims)];
};

/** Indices that pick an element each: the gradients go back to where the elements came from. */
const gatherElementsGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const attributes = { axis: axisAttribute(node, 'axis', 0, backward.dims(0).length), reduction: 'add' };
  const inputs = [emit.zeros(backward.dims(0)), backward.input(1), g];
  return [emit.apply('ScatterElements', inputs, attributes, backward.dims(0))];
};

/** Sums over the copies. */
const tileGradient: GradientRule = (backward) => {
  const { emit, g } = backward;
  const dims = backward.dims(0);
  const copies = asNumbers(backward.constantOf(1, 'repeats'));
  const split = emit.reshape(
    g,
    dims.flatMap((dim, axis) => [copies[axis] ?? 1, dim]),
  );
  return [
    emit.sum(
      split,
      range(0, dims.length).map((axis) => 2 * axis),
      false,
    ),
  ];
};

/** The adjoint of "up to here" is "from here on". */
const cumulativeSumGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const attributes = {
    exclusive: numberAttribute(node, 'exclusive', 0),
    reverse: 1 - numberAttribute(node, 'reverse', 0),
  };
  return [emit.apply('CumSum', [g, backward.input(1)], attributes, emit.dims(g))];
};

const sliceGradient: GradientRule = (backward) => {
  const { emit, g } = backward;
  const dims = backward.dims(0);
  const starts = asNumbers(backward.constantOf(1, 'starts'));
  const listed = backward.has(3) ? asNumbers(backward.constantOf(3, 'axes')) : range(0, starts.length);
  const axes = listed.map((axis) => (axis < 0 ? axis + dims.length : axis));
  const steps = backward.has(4) ? asNumbers(backward.constantOf(4, 'steps')) : starts.map(() => 1);
  const rank = dims.length;
  const pads = Array<number>(2 * rank).fill(0);
  const reversed: number[] = [];
  const spread: [axis: number, step: number][] = [];
  axes.forEach((axis, i) => {
    const [size, taken, step] = [dims[axis] ?? 1, emit.dims(g)[axis] ?? 1, steps[i] ?? 1];
    const wrapped = (starts[i] ?? 0) < 0 ? (starts[i] ?? 0) + size : (starts[i] ?? 0);
    const first = Math.max(0, Math.min(wrapped, step < 0 ? size - 1 : size));
    const span = (taken - 1) * Math.abs(step) + 1;
    const lowest = step < 0 ? first - span + 1 : first;
    if (step < 0) reversed.push(axis);
    if (Math.abs(step) > 1) spread.push([axis, Math.abs(step)]);
    pads[axis] = lowest;
    pads[rank + axis] = size - lowest - span;
  });
  const inOrder = emit.reverse(g, reversed);
  return [
    emit.pad(
      spread.reduce((value, [axis, step]) => emit.dilate(value, axis, step), inOrder),
      pads,
    ),
  ];
};

/** Opset 9 and older keep the bounds in attributes. */
function normalizeSlice(node: GraphNode, file: Importing): readonly GraphNode[] {
  const starts = integersAttribute(node, 'starts', []);
  if (starts.length === 0) return [node];
  const axes = integersAttribute(node, 'axes', range(0, starts.length));
  const bounds = [starts, integersAttribute(node, 'ends', []), axes].map((values) => file.integers(values));
  return [{ ...node, inputs: [node.inputs[0] ?? '', ...bounds], attributes: {} }];
}

const padGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const dims = backward.dims(0);
  const rank = dims.length;
  const pads = asNumbers(backward.constantOf(1, 'pads'));
  const mode = stringAttribute(node, 'mode', 'constant');
  if (mode !== 'constant') return [scatterBack(backward, paddedFrom(dims, pads, mode), dims)];
  const uncropped = emit.pad(
    g,
    pads.map((pad) => Math.max(0, -pad)),
  );
  const full = emit.dims(uncropped);
  const before = pads.slice(0, rank).map((pad) => Math.max(0, pad));
  const ends = full.map((size, axis) => size - Math.max(0, pads[rank + axis] ?? 0));
  return [emit.slice(uncropped, range(0, rank), before, ends)];
};

/** For each element of a padded tensor, the flat index of the element it repeats. */
function paddedFrom(dims: readonly number[], pads: readonly number[], mode: string): number[] {
  const rank = dims.length;
  let sources = [0];
  dims.forEach((size, axis) => {
    const positions = range(-(pads[axis] ?? 0), size + (pads[rank + axis] ?? 0)).map((position) =>
      mode === 'edge'
        ? Math.max(0, Math.min(size - 1, position))
        : mode === 'wrap'
          ? modulo(position, size)
          : mirrored(position, size),
    );
    sources = sources.flatMap((source) => positions.map((position) => source * size + position));
  });
  return sources;
}

const modulo = (value: number, size: number): number => ((value % size) + size) % size;
const mirrored = (position: number, size: number): number => {
  const period = modulo(position, Math.max(1, 2 * (size - 1)));
  return period < size ? period : 2 * (size - 1) - period;
};

/** Opset 10 and older keep pads and value in attributes. */
function normalizePad(node: GraphNode, file: Importing): readonly GraphNode[] {
  if (node.inputs[3]) throw file.unsupported(node, 'a list of axes');
  return [attributeToInput(attributeToInput(node, 'pads', 1, file), 'value', 2, file)];
}

const depthToSpaceGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const dims = backward.dims(0);
  const block = numberAttribute(node, 'blocksize', 1);
  if (stringAttribute(node, 'mode', 'DCR') === 'DCR')
    return [emit.apply('SpaceToDepth', [g], { blocksize: block }, dims)];
  const [rows, channels, height, width] = dims as [number, number, number, number];
  const split = emit.reshape(g, [rows, channels / block ** 2, height, block, width, block]);
  return [emit.reshape(emit.transpose(split, [0, 1, 3, 5, 2, 4]), dims)];
};

/** Ways to map coordinates by which, with a whole factor k, each element appears k times in a row. */
function repeatsElements(node: GraphNode): boolean {
  const mapping = stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel');
  const rounding = stringAttribute(node, 'nearest_mode', 'round_prefer_floor');
  return mapping === 'asymmetric' || mapping === 'tf_half_pixel_for_nn'
    ? rounding === 'floor'
    : mapping.includes('half_pixel') && rounding.startsWith('round');
}

/** Nearest neighbour by whole factors, which runtimes do best themselves; everything else is matrix products. */
const expandResize: NonNullable<Differentiable['expand']> = (emit, node, outputs) => {
  const dims = emit.dims(node.inputs[0] ?? '');
  const whole = outputs[0]?.dims?.every((size, axis) => Number.isInteger(size / (dims[axis] ?? 1)));
  const copies = stringAttribute(node, 'mode', 'nearest') === 'nearest' && repeatsElements(node) && whole;
  return copies ? undefined : resizedByMatrices(emit, node, outputs);
};

/** Each element's gradient is the sum over its copies. */
const resizeGradient: GradientRule = (backward) => {
  const { emit, node, g } = backward;
  const dims = backward.dims(0);
  const factors = dims.map((dim, axis) => (emit.dims(g)[axis] ?? 1) / dim);
  if (
    stringAttribute(node, 'mode', 'nearest') !== 'nearest' ||
    !repeatsElements(node) ||
    !factors.every(Number.isInteger)
  )
    throw backward.unsupported('this mapping of coordinates');
  const split = dims.flatMap((dim, axis) => [dim, factors[axis] ?? 1]);
  const copies = range(0, dims.length).map((axis) => 2 * axis + 1);
  return [emit.sum(emit.reshape(g, split), copies, false)];
};

/** Opset 10 had the scales in the place of the region of interest, and one way to map coordinates. */
const normalizeResize = (node: GraphNode, file: Importing): readonly GraphNode[] =>
  file.opset === 10 ? rewriteUpsample(node, file) : [node];

/** Upsample, deprecated since opset 10, is Resize with what then was the only way to map coordinates. */
function rewriteUpsample(node: GraphNode, file: Importing): readonly GraphNode[] {
  const listed = node.attributes['scales'];
  const scales = Array.isArray(listed)
    ? file.constant({ type: 'float32', dims: [listed.length], data: Float32Array.from(listed as number[]) })
    : (node.inputs[1] ?? '');
  const attributes = {
    mode: stringAttribute(node, 'mode', 'nearest'),
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  };
  return [{ ...node, op: 'Resize', inputs: [node.inputs[0] ?? '', '', scales], attributes }];
}

/** The node's value becomes a constant of the file; no node remains. */
function constantValue({ attributes }: GraphNode): Tensor | undefined {
  const { value, value_float: float, value_floats: floats, value_int: int, value_ints: ints } = attributes;
  if (typeof value === 'object' && 'dims' in value) return value;
  if (typeof float === 'number') return { type: 'float32', dims: [], data: Float32Array.of(float) };
  if (typeof int === 'number') return { type: 'int64', dims: [], data: BigInt64Array.of(BigInt(int)) };
  if (Array.isArray(floats))
    return { type: 'float32', dims: [floats.length], data: Float32Array.from(floats as number[]) };
  if (Array.isArray(ints))
    return { type: 'int64', dims: [ints.length], data: BigInt64Array.from((ints as number[]).map(BigInt)) };
  return undefined;
}

export const structural = {
  Identity: { gradient: passOn },
  /** Outside training, dropout does nothing. */
  Dropout: {
    rewrite: (node) => [
      { ...node, op: 'Identity', inputs: node.inputs.slice(0, 1), outputs: node.outputs.slice(0, 1), attributes: {} },
    ],
  },
  Cast: { normalize: (node) => [withAttributes(node, { saturate: undefined })], gradient: castGradient },
  Constant: {
    rewrite: (node, file) => {
      const value = constantValue(node);
      if (!value) throw file.unsupported(node, 'this kind of constant');
      file.constant(value, node.outputs[0]);
      return [];
    },
  },
  ConstantOfShape: { gradient: 'none' },
  Shape: { gradient: 'none' },
  Size: { gradient: 'none' },
  Range: { gradient: 'none' },
  GatherND: { gradient: 'constants only' },
  ScatterND: { gradient: 'constants only' },
  NonZero: { gradient: 'constants only' },
  OneHot: { gradient: 'constants only' },
  TopK: { gradient: 'constants only' },
  Flatten: { gradient: reshapeBack },
  Reshape: { gradient: reshapeBack },
  Squeeze: { normalize: (node, file) => [attributeToInput(node, 'axes', 1, file)], gradient: reshapeBack },
  Unsqueeze: { normalize: (node, file) => [attributeToInput(node, 'axes', 1, file)], gradient: reshapeBack },
  Transpose: { gradient: transposeGradient },
  Expand: { gradient: expandGradient },
  Concat: { gradient: concatGradient },
  Split: { normalize: normalizeSplit, gradient: splitGradient },
  Slice: { normalize: normalizeSlice, gradient: sliceGradient },
  Pad: { normalize: normalizePad, gradient: padGradient, settings: [2] },
  Gather: { gradient: gatherGradient },
  GatherElements: { gradient: gatherElementsGradient },
  Tile: { gradient: tileGradient },
  CumSum: { gradient: cumulativeSumGradient },
  Trilu: {
    gradient: ({ emit, node, g }) => [emit.apply('Trilu', [g, ...node.inputs.slice(1)], node.attributes, emit.dims(g))],
  },
  DepthToSpace: { gradient: depthToSpaceGradient },
  SpaceToDepth: {
    gradient: (backward) => [
      backward.emit.apply('DepthToSpace', [backward.g], backward.node.attributes, backward.dims(0)),
    ],
  },
  Resize: { normalize: normalizeResize, expand: expandResize, gradient: resizeGradient, settings: [1, 2] },
  Upsample: { rewrite: rewriteUpsample },
} satisfies Record<string, Operation>;
