import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { MalformedModelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import {
  type AttributeProto,
  AttributeProto_AttributeType as Kind,
  AttributeProtoSchema,
} from './generated/onnx_pb.js';
import { decodeTensor, encodeTensor } from './tensors.js';

/** A number is an integer unless its name is in `floatNames`: ONNX uses each attribute name with one kind. */
export type AttributeValue = number | string | readonly number[] | readonly string[] | Tensor;
export type Attributes = Readonly<Record<string, AttributeValue>>;

const floatNames = new Set(
  'value alpha beta gamma epsilon momentum bias lambd ratio value_float value_floats high low mean scale scales min max extrapolation_value cubic_coeff_a seed'.split(
    ' ',
  ),
);
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function encodeAttribute(name: string, value: AttributeValue): AttributeProto {
  const isFloat = floatNames.has(name);
  const attribute = (fields: MessageInitShape<typeof AttributeProtoSchema>) =>
    create(AttributeProtoSchema, { name, ...fields });
  if (typeof value === 'string') return attribute({ type: Kind.STRING, s: utf8.encode(value) });
  if (typeof value === 'number')
    return isFloat ? attribute({ type: Kind.FLOAT, f: value }) : attribute({ type: Kind.INT, i: BigInt(value) });
  if ('dims' in value) return attribute({ type: Kind.TENSOR, t: encodeTensor('', value) });
  if (value.every((item) => typeof item === 'string'))
    if (value.length > 0) return attribute({ type: Kind.STRINGS, strings: value.map((item) => utf8.encode(item)) });
  const numbers = value as readonly number[];
  return isFloat
    ? attribute({ type: Kind.FLOATS, floats: [...numbers] })
    : attribute({ type: Kind.INTS, ints: numbers.map(BigInt) });
}

export function decodeAttribute(attribute: AttributeProto): AttributeValue {
  switch (attribute.type ?? guessKind(attribute)) {
    case Kind.FLOAT:
      return attribute.f ?? 0;
    case Kind.INT:
      return safeInteger(attribute.i ?? 0n);
    case Kind.STRING:
      return text.decode(attribute.s);
    case Kind.TENSOR:
      if (!attribute.t) throw new MalformedModelError(`attribute "${attribute.name ?? ''}" has no tensor`);
      return decodeTensor(attribute.t);
    case Kind.FLOATS:
      return attribute.floats;
    case Kind.INTS:
      return attribute.ints.map(safeInteger);
    case Kind.STRINGS:
      return attribute.strings.map((bytes) => text.decode(bytes));
    default:
      throw new MalformedModelError(`attribute "${attribute.name ?? ''}" is of an unknown kind`);
  }
}

/** Files of IR version 1 have no kind. */
function guessKind(attribute: AttributeProto): Kind {
  if (attribute.ints.length > 0) return Kind.INTS;
  if (attribute.floats.length > 0) return Kind.FLOATS;
  if (attribute.strings.length > 0) return Kind.STRINGS;
  if (attribute.t) return Kind.TENSOR;
  if (attribute.s) return Kind.STRING;
  return attribute.f === undefined ? Kind.INT : Kind.FLOAT;
}

/** Exporters write "to the end" as the largest int64; numbers beyond 2^53 are clamped, which means the same. */
export function safeInteger(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER;
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}
