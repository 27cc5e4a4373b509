export type ElementType = 'float32' | 'int64' | 'int32' | 'bool' | 'uint8' | 'float64' | 'float16';
export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Float64Array | Uint16Array;

/** A dense tensor in C order. `bool` is one byte an element; `float16` holds the bits. */
export interface Tensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis]);

export function floats(data: Float32Array, dims: readonly number[]): Tensor {
  if (data.length !== elementCount(dims))
    throw new RangeError(`${data.length} numbers do not fill [${dims.join(', ')}]`);
  return { type: 'float32', dims, data };
}

export const scalar = (value: number): Tensor => ({ type: 'float32', dims: [], data: Float32Array.of(value) });

/** Numbers as the typed array that holds elements of `type`. */
export function elements(type: ElementType, values: ArrayLike<number | bigint>): TensorData {
  const numbers = Array.from(values, Number);
  switch (type) {
    case 'float32':
      return Float32Array.from(numbers);
    case 'float64':
      return Float64Array.from(numbers);
    case 'int64':
      return BigInt64Array.from(numbers, BigInt);
    case 'int32':
      return Int32Array.from(numbers);
    case 'bool':
    case 'uint8':
      return Uint8Array.from(numbers);
    case 'float16':
      return Uint16Array.from(numbers);
  }
}

export const asNumbers = (tensor: Tensor): number[] => Array.from(tensor.data as ArrayLike<number | bigint>, Number);
