import type { Attributes } from './file/attributes.js';
import type { Graph } from './graph.js';
import { type ElementType, sameDims } from './tensor.js';

/** A tensor's name, or a number for a scalar constant. */
export type Operand = string | number;

export const broadcastDims = (a: readonly number[], b: readonly number[]): number[] => {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a[a.length - rank + axis] ?? 1, b[b.length - rank + axis] ?? 1];
    return left === 1 ? right : left;
  });
};

export const range = (start: number, end: number): number[] => Array.from({ length: end - start }, (_, i) => start + i);

/** Writes expressions into a graph and works out their shapes. */
export class Emitter {
  constructor(readonly graph: Graph) {}

  dims = (name: string): readonly number[] => this.graph.dims(name);
  name = (operand: Operand): string => (typeof operand === 'number' ? this.graph.constant(operand) : operand);
  integers = (values: readonly number[]): string => this.graph.constant(values, [values.length], 'int64');

  apply(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    dims: readonly number[],
    type?: ElementType,
  ): string {
    return this.graph.add(op, inputs, attributes, dims, type);
  }

  /** Elementwise operations of one tensor. */
  unary = (op: string, x: string, attributes: Attributes = {}): string => this.apply(op, [x], attributes, this.dims(x));
  neg = (x: string): string => this.unary('Neg', x);
  exp = (x: string): string => this.unary('Exp', x);
  sqrt = (x: string): string => this.unary('Sqrt', x);
  reciprocal = (x: string): string => this.unary('Reciprocal', x);

  /** Elementwise operations of two tensors, broadcast. */
  binary(op: string, a: Operand, b: Operand, type?: ElementType): string {
    const [left, right] = [this.name(a), this.name(b)];
    return this.apply(op, [left, right], {}, broadcastDims(this.dims(left), this.dims(right)), type);
  }
  add = (a: Operand, b: Operand): string => this.binary('Add', a, b);
  sub = (a: Operand, b: Operand): string => this.binary('Sub', a, b);
  mul = (a: Operand, b: Operand): string => this.binary('Mul', a, b);
  div = (a: Operand, b: Operand): string => this.binary('Div', a, b);
  pow = (a: Operand, b: Operand): string => this.binary('Pow', a, b);
  min = (a: Operand, b: Operand): string => this.binary('Min', a, b);
  max = (a: Operand, b: Operand): string => this.binary('Max', a, b);
  compare = (op: 'Equal' | 'Less' | 'Greater' | 'LessOrEqual' | 'GreaterOrEqual', a: Operand, b: Operand): string =>
    this.binary(op, a, b, 'bool');
  and = (a: string, b: string): string => this.binary('And', a, b, 'bool');

  where(condition: string, a: Operand, b: Operand): string {
    const [yes, no] = [this.name(a), this.name(b)];
    const dims = broadcastDims(this.dims(condition), broadcastDims(this.dims(yes), this.dims(no)));
    return this.apply('Where', [condition, yes, no], {}, dims);
  }
  clip = (x: string, low: Operand, high: Operand): string =>
    this.apply('Clip', [x, this.name(low), this.name(high)], {}, this.dims(x));
  /** 1 where true, 0 where false. */
  indicator = (condition: string): string =>
    this.apply('Cast', [condition], { to: 1 }, this.dims(condition), 'float32');

  /** As float32, whatever it was. */
  toFloat = (x: string): string =>
    this.graph.type(x) === 'float32' ? x : this.apply('Cast', [x], { to: 1 }, this.dims(x));

  reshape(x: string, dims: readonly number[]): string {
    if (sameDims(this.dims(x), dims)) return x;
    return this.apply('Reshape', [x, this.integers(dims)], {}, dims, this.graph.type(x));
  }
  transpose(x: string, perm: readonly number[]): string {
    if (perm.every((axis, index) => axis === index)) return x;
    const dims = this.dims(x);
    return this.apply(
      'Transpose',
      [x],
      { perm },
      perm.map((axis) => dims[axis] ?? 1),
    );
  }
  expand(x: string, dims: readonly number[]): string {
    if (sameDims(this.dims(x), dims)) return x;
    return this.apply('Expand', [x, this.integers(dims)], {}, dims, this.graph.type(x));
  }
  concat(parts: readonly string[], axis: number): string {
    const [first] = parts;
    if (first !== undefined && parts.length === 1) return first;
    const dims = [...this.dims(first ?? '')];
    dims[axis] = parts.reduce((sum, part) => sum + (this.dims(part)[axis] ?? 0), 0);
    return this.apply('Concat', parts, { axis }, dims);
  }
  /** Elements start, start + step, ... below end on each of `axes`; 0 <= start <= end <= size, step >= 1. */
  slice(
    x: string,
    axes: readonly number[],
    starts: readonly number[],
    ends: readonly number[],
    steps?: readonly number[],
  ): string {
    const dims = [...this.dims(x)];
    const whole = axes.every((axis, i) => starts[i] === 0 && ends[i] === dims[axis] && (steps?.[i] ?? 1) === 1);
    if (whole) return x;
    axes.forEach((axis, i) => {
      dims[axis] = Math.ceil(((ends[i] ?? 0) - (starts[i] ?? 0)) / (steps?.[i] ?? 1));
    });
    const inputs = [x, ...[starts, ends, axes, ...(steps ? [steps] : [])].map(this.integers)];
    return this.apply('Slice', inputs, {}, dims);
  }
  /** Turns the order of elements around on each of `axes`. */
  reverse(x: string, axes: readonly number[]): string {
    const turned = axes.filter((axis) => this.dims(x)[axis] !== 1);
    if (turned.length === 0) return x;
    const all = (value: number) => this.integers(turned.map(() => value));
    return this.apply('Slice', [x, all(-1), all(-(2 ** 31)), this.integers(turned), all(-1)], {}, this.dims(x));
  }
  /** Zeros before (`pads[axis]`) and after (`pads[rank + axis]`) each axis; negative numbers cut away. */
  pad(x: string, pads: readonly number[]): string {
    if (pads.every((pad) => pad === 0)) return x;
    const dims = this.dims(x);
    return this.apply(
      'Pad',
      [x, this.integers(pads)],
      {},
      dims.map((dim, axis) => dim + (pads[axis] ?? 0) + (pads[dims.length + axis] ?? 0)),
    );
  }

  /** Puts `step - 1` zeros between neighbours along an axis. */
  dilate(x: string, axis: number, step: number): string {
    const dims = this.dims(x);
    const [before, after] = [dims.slice(0, axis + 1), dims.slice(axis + 1)];
    const pads = Array<number>(2 * (dims.length + 1)).fill(0);
    pads[dims.length + 1 + axis + 1] = step - 1;
    const size = dims[axis] ?? 1;
    const stuffed = this.reshape(
      this.pad(this.reshape(x, [...before, 1, ...after]), pads),
      dims.map((dim, i) => (i === axis ? dim * step : dim)),
    );
    return this.slice(stuffed, [axis], [0], [(size - 1) * step + 1]);
  }
  zeros = (dims: readonly number[]): string => this.apply('ConstantOfShape', [this.integers(dims)], {}, dims);

  sum = (x: string, axes: readonly number[], keep = true): string =>
    this.apply('ReduceSum', [x, this.integers(axes)], { keepdims: Number(keep) }, this.reduced(x, axes, keep));
  mean = (x: string, axes: readonly number[], keep = true): string =>
    this.apply('ReduceMean', [x], { axes, keepdims: Number(keep) }, this.reduced(x, axes, keep));
  maximum = (x: string, axes: readonly number[], keep = true): string =>
    this.apply('ReduceMax', [x], { axes, keepdims: Number(keep) }, this.reduced(x, axes, keep));
  /** The adjoint of broadcasting: sums a gradient back to the shape of the tensor that was broadcast. */
  unbroadcast(gradient: string, dims: readonly number[]): string {
    const full = this.dims(gradient);
    const added = full.length - dims.length;
    const axes = range(0, full.length).filter((axis) => axis < added || (dims[axis - added] === 1 && full[axis] !== 1));
    return this.reshape(axes.length > 0 ? this.sum(gradient, axes) : gradient, dims);
  }

  matMul(a: string, b: string): string {
    const [left, right] = [this.dims(a), this.dims(b)];
    const batch = broadcastDims(left.slice(0, -2), right.slice(0, -2));
    return this.apply('MatMul', [a, b], {}, [...batch, left.at(-2) ?? 1, right.at(-1) ?? 1]);
  }
  /** alpha * a' b' of matrices, where ' transposes if asked to. */
  gemm(a: string, b: string, { transA = false, transB = false, alpha = 1 } = {}): string {
    const rows = this.dims(a)[transA ? 1 : 0] ?? 1;
    const columns = this.dims(b)[transB ? 0 : 1] ?? 1;
    const attributes = { transA: Number(transA), transB: Number(transB), ...(alpha !== 1 && { alpha }) };
    return this.apply('Gemm', [a, b], attributes, [rows, columns]);
  }

  private reduced(x: string, axes: readonly number[], keep: boolean): number[] {
    const dims = this.dims(x);
    const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + dims.length : axis)));
    return keep ? dims.map((dim, axis) => (reduced.has(axis) ? 1 : dim)) : dims.filter((_, axis) => !reduced.has(axis));
  }
}
