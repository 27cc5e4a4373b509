import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { readImageFolder } from './imageFolder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-pictures-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, bytes: Uint8Array) => {
  mkdirSync(join(folder, name, '..'), { recursive: true });
  writeFileSync(join(folder, name), bytes);
};
const png = (data: number[], channels: number, [width, height] = [2, 2]) =>
  encode({ width: width, height: height, channels, data: Uint8Array.from(data) });
const grey = png([0, 51, 102, 255], 1);
const read = (channels: number, channelsLast = false) =>
  readImageFolder(folder, { height: 2, width: 2, channels, channelsLast, range: [0, 1], classes: 3 });

describe('a folder of pictures for each class', () => {
  it('gives rows in the order of the names, labels by the order of the folders', async () => {
    write('dog/b.png', png([255, 255, 255, 255], 1));
    write('dog/a.png', png([0, 0, 0, 0], 1));
    write('cat/1.PNG', grey);
    write('cat/notes.txt', Buffer.from('no picture'));
    const { x, y, n, dims, classes, classNames } = await read(1);
    expect([n, dims, classes, classNames]).toEqual([3, [1, 2, 2], 3, ['cat', 'dog']]);
    expect([...y]).toEqual([0, 1, 1]);
    expect([...x].map((value) => Math.round(value * 255))).toEqual([0, 51, 102, 255, 0, 0, 0, 0, 255, 255, 255, 255]);
  });

  it('puts colours where the model takes them, and makes grey of them where it takes grey', async () => {
    const pixels = [255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30];
    write('a/x.png', png(pixels, 3));
    const bytes = ({ x }: { x: Float32Array }) => [...x].map((value) => Math.round(value * 255));
    expect(bytes(await read(3, true))).toEqual(pixels);
    expect(bytes(await read(3))).toEqual([255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30]);
    expect(bytes(await read(1))).toEqual([76, 150, 29, 18]);
    expect(bytes(await read(4, true)).filter((_value, at) => at % 4 === 3)).toEqual([255, 255, 255, 255]);
  });

  it('reads JPEG', async () => {
    const data = Uint8Array.from({ length: 4 * 4 }, (_, at) => (at % 4 === 3 ? 255 : 200));
    write('a/x.jpg', jpeg.encode({ width: 2, height: 2, data }, 100).data);
    for (const value of (await read(1)).x) expect(Math.abs(255 * value - 200)).toBeLessThan(3);
  });

  it('shrinks 16 bits, and expands a palette', async () => {
    write(
      'a/x.png',
      encode({ width: 2, height: 2, channels: 1, depth: 16, data: Uint16Array.from([0, 257 * 5, 65535, 256]) }),
    );
    expect([...(await read(1)).x].map((value) => Math.round(value * 255))).toEqual([0, 5, 255, 1]);
  });

  const bomb = () => {
    const bytes = Buffer.from(grey);
    const start = bytes.indexOf('IDAT') - 4;
    const data = deflateSync(Buffer.alloc(64 * 2 ** 20));
    const chunk = Buffer.concat([Buffer.alloc(4), Buffer.from('IDAT'), data, Buffer.alloc(4)]);
    chunk.writeUInt32BE(data.length, 0);
    return Buffer.concat([bytes.subarray(0, start), chunk]);
  };
  it.each([
    ['another size', () => png([0, 0, 0], 1, [3, 1]), /3 x 1 pixels; the model takes 2 x 2/],
    ['a huge size', () => png(Array<number>(100).fill(0), 1, [10, 10]), /10 x 10 pixels are more than expected/],
    ['no picture', () => Buffer.from('GIF89a and so on'), /neither PNG nor JPEG/],
    ['a truncated PNG', () => grey.subarray(0, 50), /x\.png: picture: .*the model takes 2 x 2/],
    ['a broken JPEG', () => Buffer.from('ffd8ffe000104a46', 'hex'), /x\.png: picture: .*the model takes 2 x 2/],
    ['a zip bomb', bomb, /x\.png: picture: .*the model takes 2 x 2/],
  ])('says what is wrong with %s', async (_what, bytes, message) => {
    write('a/x.png', bytes());
    await expect(read(1)).rejects.toThrow(message);
    await expect(read(1)).rejects.toMatchObject({ name: 'DatasetError' });
  });

  it('says when folders are missing, empty or too many', async () => {
    await expect(read(1)).rejects.toThrow(/folders: there is none/);
    mkdirSync(join(folder, 'a'));
    await expect(read(1)).rejects.toThrow(/a: pictures: there is none/);
    for (const name of ['b', 'c', 'd']) mkdirSync(join(folder, name));
    await expect(read(1)).rejects.toThrow(/there are 4, one for each class, but the model has 3 classes/);
  });
});
