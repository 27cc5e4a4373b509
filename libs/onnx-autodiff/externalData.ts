import { fromBinary } from '@bufbuild/protobuf';
import { MalformedModelError } from './errors.js';
import { decodeModel } from './file/decodeModel.js';
import { TensorProto_DataLocation, TensorProtoSchema } from './file/generated/onnx_pb.js';
import { bytesOf } from './file/tensors.js';
import { changeTensors, lastText, TENSOR_DATA_LOCATION, TENSOR_EXTERNAL_DATA, TENSOR_RAW } from './file/weightBytes.js';
import { bytesField, concatenated, wireFields, withoutFields } from './file/wire.js';

/**
 * Reads part of another file, less where that is too short. `location` is what the model says: a path, from the model's folder,
 * that nobody has checked.
 */
export type ReadExternal = (place: ExternalPlace) => Promise<Uint8Array>;

export interface ExternalPlace {
  readonly location: string;
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
}

/** What protobuf can hold, and thus the largest ONNX file. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * The same model with the numbers inside that lie in other files, so that it is one file from then on; the very bytes where none do.
 * Nothing else changes, but for the lengths of what holds them. Throws MalformedModelError, and what `read` throws.
 */
export async function withExternalData(file: Uint8Array, read: ReadExternal): Promise<Uint8Array> {
  decodeModel(file);
  const places: TensorPlace[] = [];
  changeTensors(file, (tensor, name) => {
    if (isExternal(tensor)) places.push(placeOf(tensor, name));
    return tensor;
  });
  if (places.length === 0) return file;
  const bytes = places.reduce((sum, { length }) => sum + length, file.length);
  if (bytes > MAX_FILE_BYTES)
    throw new MalformedModelError(`with the data in other files it has ${bytes} bytes; at most ${MAX_FILE_BYTES}`);
  const contents: Uint8Array[] = [];
  for (const place of places) contents.push(await readWhole(place, read));
  let next = 0;
  return changeTensors(file, (tensor) => {
    if (!isExternal(tensor)) return tensor;
    const raw = bytesField(TENSOR_RAW, contents[next++] ?? new Uint8Array());
    return concatenated([withoutFields(tensor, [TENSOR_RAW, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION]), raw]);
  });
}

async function readWhole({ tensor, ...place }: TensorPlace, read: ReadExternal): Promise<Uint8Array> {
  const { location, offset, length } = place;
  const bytes = await read(place);
  if (bytes.length === length) return bytes;
  throw new MalformedModelError(
    `tensor "${tensor}" lies at bytes ${offset} to ${offset + length} of "${location}", which ends ${length - bytes.length} bytes before`,
  );
}

const isExternal = (tensor: Uint8Array): boolean =>
  fromBinary(TensorProtoSchema, tensor).dataLocation === TensorProto_DataLocation.EXTERNAL;

interface TensorPlace extends ExternalPlace {
  readonly tensor: string;
}

function placeOf(bytes: Uint8Array, name: string): TensorPlace {
  const tensor = fromBinary(TensorProtoSchema, bytes);
  const entries = externalEntries(bytes);
  const location = entries.get('location') ?? '';
  if (location === '') throw new MalformedModelError(`tensor "${name}" does not say which file it is in`);
  const number = (key: string, fallback: () => number): number => {
    const value = entries.get(key);
    if (value === undefined) return fallback();
    if (/^\d{1,15}$/.test(value)) return Number(value);
    throw new MalformedModelError(`tensor "${name}" has the ${key} "${value}" in "${location}"; it should be a number`);
  };
  const offset = number('offset', () => 0);
  return { tensor: name, location, offset, length: number('length', () => bytesOf(tensor)) };
}

/** key and value, field 1 and 2 of the entries. */
function externalEntries(tensor: Uint8Array): Map<string, string> {
  const entries = [...wireFields(tensor)].filter(({ number }) => number === TENSOR_EXTERNAL_DATA);
  return new Map(entries.map((entry) => [lastText(tensor, entry, 1), lastText(tensor, entry, 2)]));
}
