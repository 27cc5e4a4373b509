import { type DescField, type DescMessage, fromBinary, ScalarType } from '@bufbuild/protobuf';
import { MalformedModelError } from '../errors.js';
import { type ModelProto, ModelProtoSchema } from './generated/onnx_pb.js';
import { WireType, wireFields } from './wire.js';

export function decodeModel(bytes: Uint8Array): ModelProto {
  checkWireTypes(bytes, ModelProtoSchema);
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new MalformedModelError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** `fromBinary` takes a known field for what the schema says, whatever its tag says: bytes could be read in two ways. */
function checkWireTypes(bytes: Uint8Array, schema: DescMessage, start = 0, end = bytes.length): void {
  const known = new Map(schema.fields.map((field) => [field.number, field]));
  for (const { number, wireType, ...contents } of wireFields(bytes, start, end)) {
    const field = known.get(number);
    if (!field) continue;
    if (!wireTypesOf(field).includes(wireType))
      throw new MalformedModelError(`the field ${schema.name}.${field.name} is encoded as what it is not`);
    if (field.message) checkWireTypes(bytes, field.message, contents.start, contents.end);
  }
}

/** Lists of numbers may be packed. */
function wireTypesOf(field: DescField): readonly number[] {
  const single = singleWireType(field);
  return field.fieldKind === 'list' ? [single, WireType.bytes] : [single];
}

function singleWireType({ scalar, message }: DescField): number {
  if (message || scalar === ScalarType.STRING || scalar === ScalarType.BYTES) return WireType.bytes;
  if (scalar === ScalarType.DOUBLE) return WireType.fixed64;
  return scalar === ScalarType.FLOAT ? WireType.fixed32 : WireType.varint;
}
