import type { Random } from '#adversarial';

/** Damaged copies of a file, with one to three changes each. */
export function* mutants(file: Uint8Array, count: number, random: Random): Generator<Uint8Array> {
  for (let i = 0; i < count; i++) {
    let bytes: Uint8Array = new Uint8Array(file); // slice() of a Buffer would not copy
    for (let changes = 1 + whole(random, 3); changes > 0; changes--) bytes = pick(random, mutations)(bytes, random);
    yield bytes;
  }
}

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const whole = (random: Random, below: number): number => Math.floor(random.next() * below);
const pick = <T>(random: Random, list: readonly T[]): T => list[whole(random, list.length)]!;

/** Files begin and end with what says how long they are: half of the places are there. */
function place(bytes: Uint8Array, random: Random): number {
  const near = Math.min(bytes.length, 256);
  const from = pick(random, [0, 0, bytes.length - near]);
  return random.next() < 0.5 ? from + whole(random, near) : whole(random, bytes.length);
}

function overwritten(bytes: Uint8Array, at: number, contents: Uint8Array): Uint8Array {
  bytes.set(contents.subarray(0, bytes.length - at), at);
  return bytes;
}

function spliced(bytes: Uint8Array, from: number, to: number, contents: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([bytes.subarray(0, from), contents, bytes.subarray(to)]));
}

const part = (bytes: Uint8Array, random: Random, longest: number): [from: number, to: number] => {
  const from = place(bytes, random);
  return [from, Math.min(bytes.length, from + 1 + whole(random, longest))];
};

/** Sizes, counts and offsets that nobody expects, as little-endian, big-endian and varint. */
const numbers = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
function encodings(value: number): Uint8Array[] {
  const wide = Buffer.alloc(8);
  wide.writeUInt32LE(value, 0);
  wide.writeUInt32BE(value, 4);
  const varint: number[] = [];
  for (let rest = value; rest > 0 || varint.length === 0; rest = Math.floor(rest / 128))
    varint.push((rest % 128) | (rest > 127 ? 128 : 0));
  return [wide.subarray(0, 4), wide.subarray(4), wide.subarray(0, 2), wide.subarray(6), Uint8Array.from(varint)];
}
/** -1 and the largest int64 as varints, and one that never ends. */
const longVarints = [
  [...Array<number>(9).fill(0xff), 1],
  [...Array<number>(8).fill(0xff), 0x7f],
  Array<number>(12).fill(0xff),
];

const mutations: readonly Mutation[] = [
  (bytes, random) => {
    bytes[place(bytes, random)]! ^= 1 << whole(random, 8);
    return bytes;
  },
  (bytes, random) => overwritten(bytes, place(bytes, random), Uint8Array.of(whole(random, 256))),
  (bytes, random) => overwritten(bytes, place(bytes, random), pick(random, encodings(pick(random, numbers)))),
  (bytes, random) => overwritten(bytes, place(bytes, random), Uint8Array.from(pick(random, longVarints))),
  (bytes, random) => {
    const at = place(bytes, random);
    return spliced(bytes, at, at, Uint8Array.from(pick(random, longVarints)));
  },
  (bytes, random) => bytes.slice(0, place(bytes, random)),
  (bytes, random) => {
    const [from, to] = part(bytes, random, 64);
    return spliced(bytes, from, to, new Uint8Array());
  },
  (bytes, random) => {
    const [from, to] = part(bytes, random, 64);
    const at = place(bytes, random);
    return spliced(bytes, at, at, bytes.subarray(from, to));
  },
  (bytes, random) => {
    const [from, to] = part(bytes, random, 32);
    return overwritten(bytes, place(bytes, random), bytes.slice(from, to));
  },
];
