import { create } from '@bufbuild/protobuf';
import { MalformedModelError, UnsupportedModelError } from '../errors.js';
import { type ElementType, elementCount, elements, type Tensor, type TensorData } from '../tensor.js';
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from './generated/onnx_pb.js';

/** ONNX's TensorProto.DataType numbers of the element types that occur in classifiers. */
export const typeCodes: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
};
const typesByCode = new Map(Object.entries(typeCodes).map(([type, code]) => [code, type as ElementType]));
export const elementTypeOf = (code: number | undefined): ElementType | undefined => typesByCode.get(code ?? 0);

const bytesPerElement: Record<ElementType, number> = {
  float32: 4,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
};

/** Far above any classifier's largest tensor, far below what would exhaust memory. */
const MAX_ELEMENTS = 2 ** 31;

export function encodeTensor(name: string, tensor: Tensor): TensorProto {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return create(TensorProtoSchema, {
    name,
    dataType: typeCodes[tensor.type],
    dims: tensor.dims.map(BigInt),
    rawData: new Uint8Array(buffer, byteOffset, byteLength),
  });
}

export function decodeTensor(proto: TensorProto): Tensor {
  const name = proto.name ?? '';
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL)
    throw new UnsupportedModelError(
      `tensor "${name}" is stored outside the file; save the model with its weights inside (onnx.save_model(onnx.load(path), one_file))`,
    );
  const type = typeOf(proto);
  const dims = decodeDims(proto.dims, `tensor "${name}"`);
  const data = decodeData(proto, type, elementCount(dims));
  if (data.length !== elementCount(dims))
    throw new MalformedModelError(
      `tensor "${name}" of shape [${dims.join(', ')}] needs ${elementCount(dims)} numbers but has ${data.length}`,
    );
  return { type, dims, data };
}

/** How many bytes its numbers are. */
export const bytesOf = (proto: TensorProto): number =>
  elementCount(decodeDims(proto.dims, `tensor "${proto.name ?? ''}"`)) * bytesPerElement[typeOf(proto)];

function typeOf({ name, dataType }: TensorProto): ElementType {
  const type = elementTypeOf(dataType);
  if (type) return type;
  throw new UnsupportedModelError(
    `tensor "${name ?? ''}" has element type ${dataType ?? 0}, which is not supported; export the model in float32`,
  );
}

export function decodeDims(dims: readonly bigint[], what: string): number[] {
  let count = 1;
  return dims.map((dim) => {
    count *= Math.max(1, Number(dim));
    if (dim < 0n || count > MAX_ELEMENTS)
      throw new MalformedModelError(`${what} has an absurd shape [${dims.join(', ')}]`);
    return Number(dim);
  });
}

/** A copy, since bytes in the file need not be aligned. (Not by `slice`, which does not copy if the file is a Buffer.) */
function decodeData(proto: TensorProto, type: ElementType, count: number): TensorData {
  const raw = proto.rawData;
  if (raw) {
    if (raw.byteLength !== count * bytesPerElement[type])
      throw new MalformedModelError(
        `tensor "${proto.name ?? ''}" should have ${count * bytesPerElement[type]} bytes but has ${raw.byteLength}`,
      );
    return fromBytes(type, new Uint8Array(raw).buffer);
  }
  const fields = { float32: proto.floatData, float64: proto.doubleData, int64: proto.int64Data };
  return elements(type, type in fields ? fields[type as keyof typeof fields] : proto.int32Data);
}

function fromBytes(type: ElementType, bytes: ArrayBufferLike): TensorData {
  switch (type) {
    case 'float32':
      return new Float32Array(bytes);
    case 'float64':
      return new Float64Array(bytes);
    case 'int64':
      return new BigInt64Array(bytes);
    case 'int32':
      return new Int32Array(bytes);
    case 'float16':
      return new Uint16Array(bytes);
    case 'bool':
    case 'uint8':
      return new Uint8Array(bytes);
  }
}
