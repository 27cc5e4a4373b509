import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encode as encodePng } from 'fast-png';
import jpeg from 'jpeg-js';
import { random } from '#adversarial';
import { DatasetError, readDataset, readIdxDataset, readImageFolder } from '#artifacts';
import { mutants } from './mutants.js';
import { largestGrowth, type Outcome, outcomeOf } from './outcome.js';

const NAMED = [DatasetError];
const MEBIBYTE = 2 ** 20;
const TIMEOUT_MS = 30_000;
const LIMITS = { range: [0, 1], dims: [1, 2, 3], classes: 3, maxBytes: 16 * MEBIBYTE } as const;

/** Reads each file and counts what became of it; fails where memory grows beyond what the limit of the readers needs. */
async function outcomes(
  files: Iterable<Uint8Array>,
  read: (bytes: Uint8Array) => unknown,
): Promise<Record<Outcome, number>> {
  const seen = { read: 0, refused: 0 };
  const grown = await largestGrowth(async (look) => {
    for (const bytes of files) {
      seen[await outcomeOf(() => read(bytes), NAMED)]++;
      look();
    }
  });
  expect(grown).toBeLessThan(256 * MEBIBYTE);
  return seen;
}

function* rewrapped(parts: Iterable<Uint8Array>, wrap: (part: Uint8Array) => Uint8Array): Generator<Uint8Array> {
  for (const part of parts) yield wrap(part);
}

describe('damaged .npz files', () => {
  const read = (bytes: Uint8Array) => readDataset(bytes, 'rows.npz', LIMITS);

  it.each(['compressed', 'stored', 'object'])('%s: 1,000 of them', async (name) => {
    const file = readFileSync(`libs/artifacts/fixtures/${name}.npz`);
    const seen = await outcomes(mutants(file, 1000, random(1)), read);
    expect(seen.refused).toBeGreaterThan(500);
  });

  /** An archive of stored entries, whose checksums are right. */
  function zip(entries: Readonly<Record<string, Uint8Array>>): Uint8Array {
    const locals: Buffer[] = [];
    const directory: Buffer[] = [];
    let offset = 0;
    for (const [name, data] of Object.entries(entries)) {
      const shared = Buffer.alloc(26);
      shared.writeUInt32LE(crc32(data), 10);
      shared.writeUInt32LE(data.length, 14);
      shared.writeUInt32LE(data.length, 18);
      shared.writeUInt16LE(name.length, 22);
      const where = Buffer.alloc(14);
      where.writeUInt32LE(offset, 10);
      const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, Buffer.from(name), data]);
      directory.push(Buffer.from('PK\x01\x02\0\0'), shared, where, Buffer.from(name));
      locals.push(local);
      offset += local.length;
    }
    const central = Buffer.concat(directory);
    const end = Buffer.alloc(22);
    end.write('PK\x05\x06');
    end.writeUInt16LE(locals.length, 10);
    end.writeUInt32LE(central.length, 12);
    end.writeUInt32LE(offset, 16);
    return Buffer.concat([...locals, central, end]);
  }

  it('2,000 arrays with right checksums', async () => {
    const header = (text: string) => Buffer.from(`\x93NUMPY\x01\x00v\x00${text.padEnd(117)}\n`, 'latin1');
    const y = Buffer.concat([header("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }"), Buffer.from([0, 1])]);
    const rows = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i / 12).buffer);
    const x = Buffer.concat([header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 6), }"), rows]);
    expect(readDataset(zip({ 'x.npy': x, 'y.npy': y }), 'rows.npz', LIMITS).n).toBe(2);
    const files = rewrapped(mutants(x, 2000, random(2)), (damaged) => zip({ 'x.npy': damaged, 'y.npy': y }));
    const seen = await outcomes(files, read);
    expect(seen.read).toBeGreaterThan(100);
    expect(seen.refused).toBeGreaterThan(500);
  });

  it('a name of many lines', async () => {
    expect((await outcomes([zip({ 'a\n\x1b[31mb.npy': Buffer.from('no array') })], read)).refused).toBe(1);
  });
});

describe('damaged IDX files', () => {
  const idx = (shape: readonly number[], data: Uint8Array) => {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.writeUInt32BE(0x0800 + shape.length);
    shape.forEach((size, axis) => header.writeUInt32BE(size, 4 + 4 * axis));
    return Buffer.concat([header, data]);
  };
  const images = idx(
    [4, 2, 3],
    Uint8Array.from({ length: 24 }, (_, i) => 10 * i),
  );
  const labels = idx([4], Uint8Array.of(0, 1, 2, 1));
  const read = (file: Uint8Array) => readIdxDataset({ images: file, labels }, 'images', LIMITS);

  it('1,000 plain, 1,000 gzipped, 1,000 damaged before they were gzipped; and labels', async () => {
    const packed = gzipSync(images);
    for (const files of [
      mutants(images, 1000, random(1)),
      mutants(packed, 1000, random(2)),
      rewrapped(mutants(images, 1000, random(3)), gzipSync),
    ])
      expect((await outcomes(files, read)).refused).toBeGreaterThan(300);
    const readLabels = (file: Uint8Array) => readIdxDataset({ images, labels: file }, 'labels', LIMITS);
    expect((await outcomes(mutants(labels, 500, random(4)), readLabels)).refused).toBeGreaterThan(100);
  });

  it('a bomb: 1 GiB of zeros in a megabyte', async () => {
    const zeros = gzipSync(new Uint8Array(64 * MEBIBYTE));
    const bomb = Buffer.concat(Array<Buffer>(16).fill(zeros));
    expect((await outcomes([bomb], read)).refused).toBe(1);
  });
});

describe('damaged pictures', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'antibody-fuzz-'));
    mkdirSync(join(folder, 'a'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const wanted = { height: 6, width: 8, channels: 3, channelsLast: false, range: [0, 1], classes: 2 } as const;
  /** PNG or JPEG, whatever it is called. */
  const read = (bytes: Uint8Array) => {
    writeFileSync(join(folder, 'a', 'x.png'), bytes);
    return readImageFolder(folder, wanted);
  };
  const pixels = Uint8Array.from({ length: 6 * 8 * 3 }, (_, i) => (37 * i) % 256);
  const png = encodePng({ width: 8, height: 6, channels: 3, data: pixels });

  type Chunk = readonly [type: string, data: Uint8Array];
  function chunksOf(file: Uint8Array): Chunk[] {
    const bytes = Buffer.from(file);
    const chunks: Chunk[] = [];
    for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
      chunks.push([bytes.toString('latin1', at + 4, at + 8), bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at))]);
    return chunks;
  }
  /** With right lengths and checksums. */
  const pngOf = (chunks: readonly Chunk[]): Uint8Array =>
    Buffer.concat([
      png.subarray(0, 8),
      ...chunks.map(([type, data]) => {
        const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
        const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
        length.writeUInt32BE(data.length);
        sum.writeUInt32BE(crc32(body));
        return Buffer.concat([length, body, sum]);
      }),
    ]);
  const [head, ...rest] = chunksOf(png) as [Chunk, ...Chunk[]];
  const end: Chunk = ['IEND', new Uint8Array()];
  const scanLines = Buffer.concat(
    Array.from({ length: 6 }, (_, row) => [Uint8Array.of(row % 5), pixels.subarray(24 * row, 24 * row + 24)]).flat(),
  );

  it(
    'PNG: 400, then 400 of each part with right checksums',
    async () => {
      expect((await read(pngOf([head, ['IDAT', deflateSync(scanLines)], end]))).n).toBe(1);
      const parts = [
        mutants(png, 400, random(1)),
        rewrapped(mutants(head[1], 400, random(2)), (data) => pngOf([[head[0], data], ...rest])),
        rewrapped(mutants(scanLines, 400, random(3)), (data) => pngOf([head, ['IDAT', deflateSync(data)], end])),
        rewrapped(mutants(deflateSync(scanLines), 400, random(4)), (data) => pngOf([head, ['IDAT', data], end])),
      ];
      for (const files of parts) expect((await outcomes(files, read)).refused).toBeGreaterThan(50);
    },
    TIMEOUT_MS,
  );

  it(
    'JPEG: 1,000',
    async () => {
      const data = Uint8Array.from({ length: 6 * 8 * 4 }, (_, i) => (37 * i) % 256);
      const file = jpeg.encode({ width: 8, height: 6, data }, 90).data;
      const seen = await outcomes(mutants(file, 1000, random(1)), read);
      expect(seen.read).toBeGreaterThan(50);
      expect(seen.refused).toBeGreaterThan(200);
    },
    TIMEOUT_MS,
  );

  const large = Buffer.from(head[1]);
  large.writeUInt32BE(60_000, 0);
  large.writeUInt32BE(60_000, 4);
  const zeros = deflateSync(new Uint8Array(512 * MEBIBYTE));
  it.each<[string, readonly Chunk[]]>([
    ['pixels', [head, ['IDAT', zeros], end]],
    ['a colour profile', [head, ['iCCP', Buffer.concat([Buffer.from('p\0\0'), zeros])], ...rest]],
    ['a text', [head, ['zTXt', Buffer.concat([Buffer.from('t\0\0'), zeros])], ...rest]],
    ['a second size', [head, ['IHDR', large], ...rest]],
    ['a size that comes late', [['tEXt', head[1]], ['IHDR', large], ...rest]],
  ])('a PNG bomb: %s', async (_what, chunks) => {
    await outcomes([pngOf(chunks)], read);
  });

  it('a JPEG of many pixels is not decoded', async () => {
    const side = 900;
    const file = jpeg.encode({ width: side, height: side, data: new Uint8Array(4 * side * side) }, 50).data;
    await expect(read(file)).rejects.toThrow(/more than 48 pixels/);
  });

  it('what is no file is not waited for', async () => {
    const link = join(folder, 'a', 'zero.png');
    await read(png);
    symlinkSync('/dev/zero', link);
    await expect(readImageFolder(folder, wanted)).rejects.toThrow(/zero.png: picture: is no file/);
  });
});
