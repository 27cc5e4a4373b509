import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { describe, expect, it } from '@jest/globals';

import { DatasetError, readDataset, readIdxDataset, readNpz, writeNpz } from './index.js';

/** Files that NumPy 2 wrote: `np.savez_compressed` but for `stored`, which is `np.savez`. */
const fixture = (name: string) => readFileSync(`libs/artifacts/fixtures/${name}.npz`);
const unit = { range: [0, 1], dims: [1, 2, 3] } as const;

describe('readDataset', () => {
  it('reads what np.savez_compressed wrote', () => {
    const data = readDataset(fixture('compressed'), 'train.npz', unit);
    expect(data).toMatchObject({ n: 4, dims: [1, 2, 3], classes: 3 });
    expect(data.x).toEqual(Float32Array.from({ length: 24 }, (_, i) => i / 24));
    expect([...data.y]).toEqual([0, 1, 2, 1]);
  });

  it('stretches bytes over the range and takes flat rows', () => {
    const data = readDataset(fixture('stored'), 'a.npz', { range: [-1, 1], dims: [1, 2, 2], classes: 5 });
    expect(data.classes).toBe(5);
    expect(data.x[0]).toBe(-1);
    expect(data.x[7]).toBeCloseTo(-1 + (2 * 252) / 255, 6);
  });

  const rows = (x: Float32Array, y: readonly number[] = [0, 1]) =>
    writeNpz({ x: { shape: [2, 2], data: x }, y: { shape: [y.length], data: Float64Array.from(y) } });
  const good = Float32Array.of(0, 0.5, 1, 0);

  it.each([
    ['Fortran order', fixture('fortran'), 'x', /Fortran/],
    ['half floats', fixture('half'), 'x', /<f2/],
    ['pickled objects', fixture('object'), 'x', /element type \|O/],
    ['a missing array', writeNpz({ x: { shape: [2, 2], data: good } }), 'y', /missing; the file has: x/],
    [
      'another row shape',
      writeNpz({ x: { shape: [1, 4], data: good }, y: { shape: [1], data: Int32Array.of(0) } }),
      'x',
      /rows of shape \(4\).*takes \(2\)/,
    ],
    ['a value out of range', rows(Float32Array.of(0, 0.5, 1.25, 0)), 'x', /1\.25 at element 2/],
    ['NaN', rows(Float32Array.of(0, NaN, 1, 0)), 'x', /NaN at element 1/],
    ['a label too many', rows(good, [0, 1, 1]), 'y', /\(3\).*2 rows/],
    ['a label out of range', rows(good, [0, 3]), 'y', /label 3 at row 1.*0 to 2/],
    ['a negative label', rows(good, [-1, 0]), 'y', /label -1/],
    ['a fractional label', rows(good, [0, 0.5]), 'y', /label 0\.5/],
    ['no archive at all', new TextEncoder().encode('hello, this is no archive'), 'archive', /zip/],
    ['an empty file', new Uint8Array(0), 'archive', /zip/],
  ])('refuses %s by name', (_case, bytes, field, message) => {
    const read = () => readDataset(bytes, 'bad.npz', { range: [0, 1], dims: [2], classes: 3 });
    expect(read).toThrow(DatasetError);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ file: 'bad.npz', field }));
  });

  it('answers every truncation and every flipped byte with its own error or the right data', () => {
    const bytes = fixture('compressed');
    const truth = readDataset(bytes, 'f', unit);
    const variants = Array.from(bytes, (byte, at) => [
      bytes.subarray(0, at),
      Uint8Array.from(bytes, (value, i) => (i === at ? byte ^ 0x55 : value)),
    ]).flat();
    for (const variant of variants) {
      try {
        expect(readDataset(variant, 'f', unit)).toEqual(truth); // e.g. a flipped timestamp
      } catch (error) {
        expect(error).toBeInstanceOf(DatasetError);
      }
    }
  });

  it('refuses a zip bomb before inflating it', () => {
    const bomb = writeNpz({ x: { shape: [1, 5_000_000], data: new Uint8Array(5_000_000) } });
    expect(bomb.length).toBeLessThan(10_000);
    expect(() => readDataset(bomb, 'b', { ...unit, maxBytes: 1e6 })).toThrow(/unpacks to 5000\d+ bytes/);
    const lying = Buffer.from(bomb);
    lying.writeUInt32LE(100, lying.lastIndexOf('PK\x01\x02', undefined, 'latin1') + 24);
    expect(() => readDataset(lying, 'b', { ...unit, maxBytes: 1e6 })).toThrow(/declared size/);
  });
});

describe('npz', () => {
  it('gives back what it wrote, in every element type', () => {
    const arrays = {
      f4: { shape: [2, 1], data: Float32Array.of(1.5, -0) },
      f8: { shape: [1], data: Float64Array.of(Math.PI) },
      u1: { shape: [3], data: Uint8Array.of(0, 128, 255) },
      i4: { shape: [1], data: Int32Array.of(-7) },
      i8: { shape: [], data: BigInt64Array.of(-(2n ** 60n)) },
    };
    expect(Object.fromEntries(readNpz(writeNpz(arrays), 'f'))).toEqual(arrays);
    expect(writeNpz(arrays)).toEqual(writeNpz(arrays));
  });

  it('reads stored entries and scalars of NumPy', () => {
    const arrays = readNpz(fixture('stored'), 'f');
    expect([...arrays.keys()]).toEqual(['x', 'y', 'w', 's']);
    expect(arrays.get('w')!.data).toEqual(Float64Array.of(0.5, -1.25));
    expect(arrays.get('s')).toEqual({ shape: [], data: Float32Array.of(3) });
  });
});

describe('readIdxDataset', () => {
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 0);
  const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3);
  const options = { range: [0, 1], dims: [1, 1, 2] } as const;

  it('reads plain and gzipped files alike', () => {
    const plain = readIdxDataset({ images, labels }, 'mnist', options);
    expect(plain).toMatchObject({ n: 2, classes: 8, y: Int32Array.of(7, 3), x: Float32Array.of(0, 1, 0.2, 0) });
    expect(readIdxDataset({ images: gzipSync(images), labels: gzipSync(labels) }, 'mnist', options)).toEqual(plain);
  });

  it.each([
    ['images', { images: images.subarray(0, 18), labels }, /holds 2 bytes/],
    ['images', { images: gzipSync(images).subarray(0, 20), labels }, /gunzipped/],
    ['labels', { images, labels: Uint8Array.of(0, 0, 13, 1, 0, 0, 0, 2, 7, 3) }, /0xd/],
    ['labels', { images, labels: new Uint8Array(3) }, /not an IDX/],
  ])('refuses bad %s', (field, files, message) => {
    const read = () => readIdxDataset(files, 'mnist', options);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ field }));
  });
});
