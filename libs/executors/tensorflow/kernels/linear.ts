import { integersAttribute, numberAttribute, stringAttribute } from '#onnx-autodiff';
import { constantOf, dimsOf, type KernelFactory } from './kernel.js';

const gemm: KernelFactory = (node, _graph, operations) => {
  const run = operations.prepare('MatMul', {
    transpose_a: numberAttribute(node, 'transA', 0) !== 0,
    transpose_b: numberAttribute(node, 'transB', 0) !== 0,
  });
  return (inputs) => run(...inputs);
};

/** Vectors count as matrices of one row or one column. */
const matMul: KernelFactory = (node, graph, operations) => {
  const [a, b] = node.inputs.map((name) => graph.dims(name));
  if (!a || !b) return undefined;
  const run = operations.prepareOne(a.length === 2 && b.length === 2 ? 'MatMul' : 'BatchMatMulV2');
  if (a.length > 1 && b.length > 1) return ([left, right]) => (left && right ? [run(left, right)] : []);
  const reshape = operations.prepareOne('Reshape');
  const shapes = [a.length === 1 ? [1, ...a] : a, b.length === 1 ? [...b, 1] : b].map((dims) =>
    operations.integers(dims),
  );
  const result = operations.integers(dimsOf(graph, node));
  const matrices = operations.prepareOne('BatchMatMulV2');
  return (inputs) => {
    const [left, right] = inputs.map((tensor, i) => (shapes[i] ? reshape(tensor, shapes[i]) : tensor));
    return left && right ? [reshape(matrices(left, right), result)] : [];
  };
};

const einsum: KernelFactory = (node, _graph, operations) => {
  const equation = stringAttribute(node, 'equation', '').replaceAll(' ', '');
  if (!equation.includes('->')) return undefined;
  const run = operations.prepare('Einsum', { N: node.inputs.length, equation, T: { type: 'float32' } });
  return (inputs) => run(...inputs);
};

const softmax =
  (operation: string): KernelFactory =>
  (_node, _graph, operations) => {
    const run = operations.prepare(operation);
    return (inputs) => run(...inputs);
  };

/** Over the axes of the attribute or of the second input, over all where neither names any. */
const reduction =
  (operation: string): KernelFactory =>
  (node, graph, operations) => {
    const rank = graph.dims(node.inputs[0] ?? '').length;
    const given = node.inputs[1] ? constantOf(graph, node, 1) : integersAttribute(node, 'axes', []);
    if (!given) return undefined;
    const empty = given.length === 0;
    if (empty && numberAttribute(node, 'noop_with_empty_axes', 0) !== 0) return undefined;
    const axes = operations.integers(empty ? Array.from({ length: rank }, (_, axis) => axis) : given);
    const run = operations.prepareOne(operation, { keep_dims: numberAttribute(node, 'keepdims', 1) !== 0 });
    return ([x]) => (x ? [run(x, axes)] : []);
  };

const argMax: KernelFactory = (node, graph, operations) => {
  if (numberAttribute(node, 'select_last_index', 0) !== 0) return undefined;
  const axis = operations.integers(numberAttribute(node, 'axis', 0));
  const run = operations.prepareOne('ArgMax', { output_type: { type: 'int32' } });
  const reshape = operations.prepareOne('Reshape');
  const shape = operations.integers(dimsOf(graph, node));
  return ([x]) => (x ? [reshape(run(x, axis), shape)] : []);
};

export const linear: Record<string, KernelFactory> = {
  Gemm: gemm,
  MatMul: matMul,
  Einsum: einsum,
  Softmax: softmax('Softmax'),
  LogSoftmax: softmax('LogSoftmax'),
  ReduceSum: reduction('Sum'),
  ReduceMean: reduction('Mean'),
  ReduceMax: reduction('Max'),
  ReduceMin: reduction('Min'),
  ReduceProd: reduction('Prod'),
  ArgMax: argMax,
};
