import type { Emitter } from '../emitter.js';
import type { GraphNode } from '../graph.js';
import { axisAttribute, integersAttribute, numberAttribute } from '../ops/attributes.js';
import { groupOf, windowAttributes, windowOf } from '../ops/window.js';
import { elementCount, sameDims } from '../tensor.js';
import { filled } from './constants.js';
import { chooseAlgorithm } from './convolution.js';
import type { BatchLast, LayoutTensors } from './tensors.js';

/**
 * Writes one node in the batch-last layout; undefined where it has to stay as it is, `without batch` where its result has no
 * batch axis and is written under its own name.
 */
type Rule = (node: GraphNode, at: Rewriting) => BatchLast | 'without batch' | undefined;

export interface Rewriting {
  readonly emit: Emitter;
  readonly tensors: LayoutTensors;
  /** Of the tensors of the source. */
  readonly dims: (name: string) => readonly number[];
  readonly producer: (name: string) => GraphNode | undefined;
}

const convolution: Rule = (node, at) => {
  const { emit, tensors, dims } = at;
  const [x = '', w = '', b = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (!tensors.convertible(x) || tensors.dependsOnInput(w) || groupOf(node) !== 1 || dims(x).length !== 4)
    return undefined;
  const [outputs = 1, channels = 1, ...kernel] = dims(w);
  const window = windowOf(node, dims(x).slice(2), kernel);
  const [batch = 1, , ...sizes] = dims(output);
  const algorithm = chooseAlgorithm(window, [outputs, channels], sizes, batch);
  if (!algorithm) return undefined;
  const weights = tapsFirst(w, at);
  const y = emit.apply(
    'BatchLastConv',
    [tensors.last(x).name, weights],
    { ...windowAttributes(window), algorithm, output_sizes: sizes },
    [...sizes, outputs, batch],
  );
  return { name: b === '' ? y : emit.add(y, emit.reshape(b, [outputs, 1])) };
};

/** [O, C, ...kernel] as [taps, O, C]; a factor of each output is applied afterwards, so that the weight itself is what is transposed. */
function tapsFirst(w: string, { emit, dims, producer }: Rewriting): string {
  const [outputs = 1, channels = 1, ...kernel] = dims(w);
  const moved = (weights: string) =>
    emit.transpose(emit.reshape(weights, [outputs, channels, elementCount(kernel)]), [2, 0, 1]);
  const scaled = producer(w);
  const [weights = '', factors = ''] = scaled?.op === 'Mul' ? scaled.inputs : [];
  return weights !== '' && sameDims(dims(factors), [outputs, 1, ...kernel.map(() => 1)])
    ? emit.mul(moved(weights), emit.reshape(factors, [outputs, 1]))
    : moved(w);
}

const maxPool: Rule = (node, { emit, tensors, dims }) => {
  const [x = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (!tensors.isBatchLast(x) || node.outputs.length > 1) return undefined;
  const kernel = integersAttribute(node, 'kernel_shape', []);
  const { strides, pads, dilations } = windowOf(node, dims(x).slice(2), kernel);
  const sideBySide =
    kernel.every((size, axis) => size === strides[axis] && (dims(x)[2 + axis] ?? 1) % size === 0) &&
    [...pads, ...dilations.map((dilation) => dilation - 1)].every((value) => value === 0);
  if (!sideBySide) return undefined;
  const [batch = 1, channels = 1, ...sizes] = dims(output);
  const attributes = { kernel_shape: kernel };
  return { name: emit.apply('BatchLastMaxPool', [tensors.last(x).name], attributes, [...sizes, channels, batch]) };
};

/** A mean over rows and columns is a product with a row of equal numbers. */
const globalAverage: Rule = (node, { emit, tensors, dims }) => {
  const [x = ''] = node.inputs;
  if (!tensors.isBatchLast(x)) return undefined;
  const [batch = 1, channels = 1, height = 1, width = 1] = dims(x);
  const places = height * width;
  const mean = emit.graph.constant(new Float32Array(places).fill(1 / places), [1, places]);
  const flat = emit.reshape(tensors.last(x).name, [places, channels * batch]);
  return { name: emit.reshape(emit.matMul(mean, flat), [1, 1, channels, batch]) };
};

const flatten: Rule = (node, { emit, tensors, dims }) => {
  const [x = ''] = node.inputs;
  const [output = ''] = node.outputs;
  const [batch = 1, features = 1, ...more] = dims(output);
  if (!tensors.isBatchLast(x) || more.length > 0 || dims(x)[0] !== batch) return undefined;
  const { name, picture } = tensors.last(x);
  const [, ...row] = dims(x);
  const order = row.length === 3 && (row[1] ?? 1) * (row[2] ?? 1) > 1 ? row : picture;
  return { name: emit.reshape(name, [features, batch]), picture: order };
};

const gemm: Rule = (node, at) => {
  const [x = '', w = '', b = ''] = node.inputs;
  const plain = ['alpha', 'beta'].every((name) => numberAttribute(node, name, 1) === 1);
  if (!plain || numberAttribute(node, 'transA', 0) !== 0) return undefined;
  return dense(x, w, b, numberAttribute(node, 'transB', 0) !== 0, at);
};

const matMul: Rule = ({ inputs: [x = '', w = ''] }, at) => dense(x, w, '', false, at);

/** Weights [outputs, features] times [features, B]; the columns follow the order of the features. */
function dense(
  x: string,
  w: string,
  b: string,
  outputsFirst: boolean,
  { emit, tensors, dims }: Rewriting,
): BatchLast | undefined {
  if (!tensors.isBatchLast(x) || dims(x).length !== 2 || [w, b].some(tensors.dependsOnInput)) return undefined;
  if (dims(w).length !== 2) return undefined;
  const { name, picture } = tensors.last(x);
  const weights = outputsFirst ? w : emit.transpose(w, [1, 0]);
  const [outputs = 1, features = 1] = emit.dims(weights);
  if (b !== '' && elementCount(dims(b)) !== outputs) return undefined;
  const ordered = picture
    ? emit.reshape(emit.transpose(emit.reshape(weights, [outputs, ...picture]), [0, 2, 3, 1]), [outputs, features])
    : weights;
  const y = emit.matMul(ordered, name);
  return { name: b === '' ? y : emit.add(y, emit.reshape(b, [outputs, 1])) };
}

const normalization: Rule = (node, { emit, tensors, dims }) => {
  const [x = '', scale = '', bias = '', mean = '', variance = ''] = node.inputs;
  if (!tensors.isBatchLast(x) || tensors.last(x).picture || node.outputs.length > 1) return undefined;
  const column = (vector: string) => emit.reshape(vector, [dims(x)[1] ?? 1, 1]);
  const deviation = emit.sqrt(emit.add(variance, numberAttribute(node, 'epsilon', 1e-5)));
  const factor = emit.mul(scale, emit.reciprocal(deviation));
  const offset = emit.sub(bias, emit.mul(mean, factor));
  return { name: emit.add(emit.mul(tensors.last(x).name, column(factor)), column(offset)) };
};

/** Each element by itself. */
const unary: Rule = (node, { emit, tensors }) => {
  const [x = '', ...settings] = node.inputs;
  if (!tensors.isBatchLast(x) || settings.some((name) => name !== '' && tensors.dependsOnInput(name))) return undefined;
  const { name, picture } = tensors.last(x);
  return { name: emit.apply(node.op, [name, ...settings], node.attributes, emit.dims(name)), picture };
};

/** The mean of each channel: over places by a product with a row of equal numbers, then over the batch. */
const channelMean: Rule = (node, { emit, tensors, dims }) => {
  const [x = ''] = node.inputs;
  const [output = ''] = node.outputs;
  if (!tensors.isBatchLast(x) || tensors.last(x).picture) return undefined;
  const [batch = 1, channels = 1, ...sizes] = dims(x);
  const others = [0, ...sizes.map((_, axis) => axis + 2)];
  const axes = integersAttribute(node, 'axes', []);
  if (numberAttribute(node, 'keepdims', 1) !== 0 || String(axes) !== String(others)) return undefined;
  const places = elementCount(sizes);
  const row = filled(emit, [1, places], 1 / places / batch);
  const sums = emit.matMul(row, emit.reshape(tensors.last(x).name, [places, channels * batch]));
  const mean = emit.sum(emit.reshape(sums, [channels, batch]), [1], false);
  emit.graph.append({ op: 'Identity', inputs: [mean], outputs: [output], attributes: {} }, [
    { type: 'float32', dims: [channels] },
  ]);
  return 'without batch';
};

/** Tensors of one shape, numbers, and numbers for each channel, which may depend on the batch. */
const elementwise: Rule = (node, { emit, tensors, dims }) => {
  const [output = ''] = node.outputs;
  const shape = dims(output);
  const whole = (name: string) => tensors.convertible(name) && sameDims(dims(name), shape);
  const dependent = node.inputs.filter(whole);
  if (!dependent.some(tensors.isBatchLast)) return undefined;
  const [{ picture } = { picture: undefined }, ...others] = dependent.map(tensors.last.bind(tensors));
  if (others.some((other) => String(other.picture) !== String(picture))) return undefined;
  const operands = node.inputs.map((name): string | undefined => {
    if (whole(name)) return tensors.last(name).name;
    const count = elementCount(dims(name));
    if (count === 1) return emit.reshape(tensors.first(name), []);
    const along = dims(name).length - shape.length + 1; // where the channels are
    const ofChannels = !picture && count === shape[1] && along >= 0 && dims(name)[along] === count;
    return ofChannels ? emit.reshape(tensors.first(name), [count, 1]) : undefined;
  });
  const names = operands.filter((name) => name !== undefined);
  if (names.length < operands.length) return undefined;
  return {
    name: emit.apply(node.op, names, node.attributes, emit.dims(tensors.last(dependent[0] ?? '').name)),
    picture,
  };
};

/** Channels side by side. */
const concat: Rule = (node, { emit, tensors, dims }) => {
  const [output = ''] = node.outputs;
  const rank = dims(output).length;
  if (rank !== 4 || axisAttribute(node, 'axis', 1, rank) !== 1) return undefined;
  if (!node.inputs.every(tensors.isBatchLast)) return undefined;
  return {
    name: emit.concat(
      node.inputs.map((name) => tensors.last(name).name),
      2,
    ),
  };
};

const named = (rule: Rule, ...operations: string[]) => operations.map((op): [string, Rule] => [op, rule]);

export const rules: ReadonlyMap<string, Rule> = new Map([
  ...named(convolution, 'Conv'),
  ...named(maxPool, 'MaxPool'),
  ...named(globalAverage, 'GlobalAveragePool'),
  ...named(flatten, 'Flatten', 'Reshape', 'Squeeze'),
  ...named(gemm, 'Gemm'),
  ...named(matMul, 'MatMul'),
  ...named(normalization, 'BatchNormalization'),
  ...named(
    unary,
    'Relu',
    'LeakyRelu',
    'Elu',
    'Selu',
    'Celu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Tanh',
    'Softplus',
  ),
  ...named(unary, 'Softsign', 'Erf', 'Exp', 'Neg', 'Abs', 'Sqrt', 'Clip', 'Identity'),
  ...named(elementwise, 'Add', 'Sub', 'Mul', 'Div', 'Sum', 'Max', 'Min'),
  ...named(channelMean, 'ReduceMean'),
  ...named(concat, 'Concat'),
]);
