import { MalformedModelError } from '../errors.js';

/** A field of a protobuf message: its number and kind, and where it begins and its contents lie in the file. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

export const WireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

const fixedLengths: Partial<Record<number, number>> = { [WireType.fixed64]: 8, [WireType.fixed32]: 4 };

/** The fields of the message at [start, end) of a file. */
export function* wireFields(bytes: Uint8Array, start = 0, end = bytes.length): Generator<WireField> {
  let position = start;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[position++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (position < end) {
    const tag = position;
    const key = varint();
    const [number, wireType] = [Math.floor(key / 8), key & 7];
    const length = wireType === WireType.bytes ? varint() : fixedLengths[wireType];
    const from = position;
    if (wireType === WireType.varint) varint();
    else if (length !== undefined) position += length;
    else throw new MalformedModelError(`it has a field of the kind ${wireType}, which ONNX does not use`);
    if (position > end) throw new MalformedModelError('it is truncated, or says a wrong length');
    yield { number, wireType, tag, start: from, end: position };
  }
}

/** The message with the contents of each field of this number changed; all other bytes as they are, lengths apart. */
export function changeFields(
  message: Uint8Array,
  number: number,
  change: (contents: Uint8Array) => Uint8Array,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (const field of wireFields(message)) {
    if (field.number !== number) continue;
    const contents = message.subarray(field.start, field.end);
    const changed = change(contents);
    if (changed === contents) continue;
    parts.push(message.subarray(copied, field.tag), bytesField(number, changed));
    copied = field.end;
  }
  return copied === 0 ? message : concatenated([...parts, message.subarray(copied)]);
}

export function withoutFields(message: Uint8Array, numbers: readonly number[]): Uint8Array {
  const kept = [...wireFields(message)].filter(({ number }) => !numbers.includes(number));
  return concatenated(kept.map(({ tag, end }) => message.subarray(tag, end)));
}

/** A field of bytes, text or a message. */
export const bytesField = (number: number, contents: Uint8Array): Uint8Array =>
  concatenated([varint(number * 8 + WireType.bytes), varint(contents.length), contents]);

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) return Uint8Array.from(bytes);
  }
}
