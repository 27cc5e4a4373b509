import { elementCount, type ElementType, type Tensor } from '#onnx-autodiff';
import type { NativeData, NativeTensor, NativeType, TensorFlow } from './native.js';

/** Types that TensorFlow.js keeps; its only whole numbers are int32. */
const NATIVE_TYPES: Partial<Record<ElementType, NativeType>> = {
  float32: 'float32',
  int32: 'int32',
  int64: 'int32',
  uint8: 'int32',
  bool: 'bool',
};

export const nativeType = (type: ElementType): NativeType | undefined => NATIVE_TYPES[type];

export function upload(tf: TensorFlow, { type, dims, data }: Tensor): NativeTensor {
  const native = nativeType(type);
  if (!native) throw new Error(`TensorFlow.js has no ${type} tensors: use --engine onnxruntime`);
  return tf.tensor(nativeData(type, data), [...dims], native);
}

function nativeData(type: ElementType, data: Tensor['data']): NativeData {
  if (type === 'float32' || type === 'int32' || type === 'bool') return data as NativeData;
  return Int32Array.from(data as ArrayLike<number | bigint>, clamped);
}

/** Bounds such as "to the end" are written as the largest int64. */
const clamped = (value: number | bigint): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(value)));

export function download(tensor: NativeTensor, type: ElementType, dims: readonly number[]): Tensor {
  const data = tensor.dataSync();
  if (data.length !== elementCount(dims))
    throw new Error(`TensorFlow computed the shape [${tensor.shape.join(', ')}] where [${dims.join(', ')}] is right`);
  if (type === 'int64') return { type, dims, data: BigInt64Array.from(data, BigInt) };
  return { type, dims, data: type === 'uint8' ? Uint8Array.from(data) : data };
}
