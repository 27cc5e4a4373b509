import type { Random } from '#adversarial';

/** A field of a protobuf message: a number, bytes, or a message inside. */
interface Field {
  number: number;
  value: bigint | Buffer | Field[];
  /** Of bytes: 2, or 1 and 5 for numbers of 8 and 4 bytes. */
  wireType: number;
}

/** Which fields of a message are messages, by number; what the rest is the wire says. onnx.proto. */
interface Layout {
  readonly [number: number]: Layout;
}
const tensor: Layout = { 13: {} };
const value: Layout = { 2: { 1: { 2: { 1: {} } } } };
const model: Layout = { 7: { 1: { 5: { 5: tensor } }, 5: tensor, 11: value, 12: value }, 8: {} };

/** Well-formed files that say something else than the original: other names, numbers and shapes, parts missing, doubled or elsewhere. */
export function* onnxMutants(file: Uint8Array, count: number, random: Random): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    const root = decode(Buffer.from(file), model);
    for (let changes = 1 + whole(random, 2); changes > 0; changes--) change(root, random);
    yield encode(root);
  }
}

const whole = (random: Random, below: number): number => Math.floor(random.next() * below);
const pick = <T>(random: Random, list: readonly T[]): T => list[whole(random, list.length)]!;

/** Numbers that sizes, axes, kinds and versions are not. */
const ODD = [
  0n,
  1n,
  2n,
  3n,
  7n,
  10n,
  16n,
  255n,
  65536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 40n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
];

function change(root: Field[], random: Random): void {
  const lists = [...listsOf(root)].filter((list) => list.length > 0);
  const list = pick(random, lists);
  const at = whole(random, list.length);
  const field = list[at]!;
  const all = lists.flat();
  const alike = all.filter(
    ({ number, value: other }) => number === field.number && typeof other === typeof field.value,
  );
  switch (whole(random, 5)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      list.splice(whole(random, list.length + 1), 0, { ...field, value: copied(field.value) });
      return;
    case 2: // names become each other: cycles, wrong inputs, two of the same
      field.value = copied(pick(random, alike).value);
      return;
    case 3:
      list.splice(whole(random, list.length), 0, ...list.splice(at, 1));
      return;
    default: {
      const numbers = all.filter((one) => typeof one.value === 'bigint');
      pick(random, numbers).value = pick(random, ODD);
    }
  }
}

const copied = (original: Field['value']): Field['value'] =>
  Array.isArray(original)
    ? original.map((field) => ({ ...field, value: copied(field.value) }))
    : Buffer.isBuffer(original)
      ? Buffer.from(original)
      : original;

function* listsOf(fields: Field[]): Generator<Field[]> {
  yield fields;
  for (const { value: inner } of fields) if (Array.isArray(inner)) yield* listsOf(inner);
}

function decode(bytes: Buffer, layout: Layout): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let number = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      number |= BigInt(byte & 127) << shift;
      if (byte < 128) return number;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const [number, wireType] = [key >> 3, key & 7];
    if (wireType === 0) {
      fields.push({ number, wireType, value: varint() });
      continue;
    }
    const length = wireType === 2 ? Number(varint()) : wireType === 1 ? 8 : 4;
    const contents = bytes.subarray(at, (at += length));
    const inner = layout[number];
    fields.push({ number, wireType, value: inner && wireType === 2 ? decode(contents, inner) : contents });
  }
  return fields;
}

function encode(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, wireType, value: contents }) => {
      const key = varintOf(BigInt(number * 8 + wireType));
      if (typeof contents === 'bigint') return [key, varintOf(contents)];
      const bytes = Array.isArray(contents) ? encode(contents) : contents;
      return wireType === 2 ? [key, varintOf(BigInt(bytes.length)), bytes] : [key, bytes];
    }),
  );
}

function varintOf(number: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = number; ; rest >>= 7n) {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    if (rest <= 127n) return Buffer.from(bytes);
  }
}
