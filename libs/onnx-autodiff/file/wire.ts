/** A field of a protobuf message: its number, and where its contents lie in the file. */
export interface WireField {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** The fields of the message at [start, end) of a file that has been decoded before, so that it is well formed. */
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
    const tag = varint();
    const [number, wireType] = [Math.floor(tag / 8), tag & 7];
    const contents = wireType === 2 ? varint() : wireType === 1 ? 8 : wireType === 5 ? 4 : undefined;
    const from = position;
    if (contents === undefined) varint();
    else position += contents;
    yield { number, start: from, end: position };
  }
}
