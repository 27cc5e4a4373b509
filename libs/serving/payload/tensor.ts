import { PayloadError } from '../errors.js';
import { isObject, type Json } from './body.js';
import { fillNested, shapeOf } from './nested.js';

/** A numeric tensor of the V2 protocol. */
export interface WireTensor {
  name: string;
  shape: number[];
  datatype: string;
  data: Float32Array;
}

/** Bound on the elements of one tensor: a body is bounded already, but its `shape` may claim anything. */
const MAX_ELEMENTS = 2 ** 26;

type Read = (view: DataView, offset: number) => number;
const DATATYPES: Record<string, { bytes: number; read: Read }> = {
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) },
  UINT8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  INT8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  UINT16: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  INT16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  FP16: { bytes: 2, read: (view, at) => halfToNumber(view.getUint16(at, true)) },
  UINT32: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  INT32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  FP32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  UINT64: { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  INT64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  FP64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

/** Reads the tensors of `inputs` or `outputs`. Tensors that hold text (BYTES) are left out. */
export function readTensors(value: unknown, field: string, binary: Uint8Array): WireTensor[] {
  if (!Array.isArray(value) || value.length === 0) throw new PayloadError(field, 'must be an array of tensors');
  let offset = 0;
  const tensors: WireTensor[] = [];
  value.forEach((entry: unknown, i) => {
    const path = `${field}[${i}]`;
    if (!isObject(entry)) throw new PayloadError(path, 'must be a tensor object');
    const size = binarySize(entry, path);
    const raw = size === undefined ? undefined : binary.subarray(offset, (offset += size));
    if (raw && raw.length !== size) {
      throw new PayloadError(path, `needs ${size} bytes of binary data; ${raw.length} are left in the body`);
    }
    if (entry.datatype !== 'BYTES') tensors.push(readTensor(entry, path, raw));
  });
  return tensors;
}

function binarySize(tensor: Json, path: string): number | undefined {
  const size = isObject(tensor.parameters) ? tensor.parameters.binary_data_size : undefined;
  if (size === undefined) return undefined;
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw new PayloadError(`${path}.parameters.binary_data_size`, 'must be a whole number of bytes');
  }
  return size as number;
}

function readTensor(tensor: Json, path: string, raw: Uint8Array | undefined): WireTensor {
  const { name, datatype } = tensor;
  if (typeof name !== 'string') throw new PayloadError(`${path}.name`, 'must be a string');
  const type = typeof datatype === 'string' && Object.hasOwn(DATATYPES, datatype) ? DATATYPES[datatype] : undefined;
  if (!type) throw new PayloadError(`${path}.datatype`, `must be one of ${Object.keys(DATATYPES).join(', ')}`);
  const shape = shapeField(tensor.shape, `${path}.shape`);
  const count = shape.reduce((product, size) => product * size, 1);
  const length = raw ? raw.length / type.bytes : Array.isArray(tensor.data) ? undefined : -1;
  if (length === -1) throw new PayloadError(`${path}.data`, 'must be an array');
  if (length !== undefined && length !== count) {
    throw new PayloadError(`${path}.shape`, `asks for ${count} values; the binary data holds ${length}`);
  }
  const data = raw ? fromBinary(raw, type, count) : fromJson(tensor.data, shape, count, path);
  return { name, shape, datatype: datatype as string, data };
}

function shapeField(value: unknown, field: string): number[] {
  const isShape =
    Array.isArray(value) &&
    value.length <= 8 &&
    value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
  if (!isShape) throw new PayloadError(field, 'must be an array of at most 8 whole numbers');
  const shape = value as number[];
  if (shape.reduce((product, size) => product * size, 1) > MAX_ELEMENTS) {
    throw new PayloadError(field, `must not ask for more than ${MAX_ELEMENTS} values`);
  }
  return shape;
}

/** `data` is flat or nested as `shape` says. */
function fromJson(data: unknown, shape: number[], count: number, path: string): Float32Array {
  const found = shapeOf(data);
  const flat = found.length === 1;
  if (flat && found[0] !== count) {
    throw new PayloadError(`${path}.shape`, `asks for ${count} values; data holds ${found[0]}`);
  }
  if (!flat && found.join() !== shape.join()) {
    throw new PayloadError(`${path}.data`, `must be flat, or nested as shape [${shape.join(', ')}] says`);
  }
  const values = new Float32Array(count);
  fillNested(data, found, `${path}.data`, values);
  return values;
}

function fromBinary(raw: Uint8Array, type: { bytes: number; read: Read }, count: number): Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = type.read(view, i * type.bytes);
  return values;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
