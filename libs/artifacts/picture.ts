import { inflateSync } from 'node:zlib';
import { convertIndexedToRgb, decode as decodePng } from 'fast-png';
import jpeg from 'jpeg-js';

/** Bytes of one picture: height x width x channels, 0 to 255. */
export interface Picture {
  height: number;
  width: number;
  /** 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
  channels: number;
  data: Uint8Array;
}

const PNG_MAGIC = '89504e470d0a1a0a';
const MEGABYTE = 2 ** 20;

/** Decodes a PNG or JPEG file, which may be anything; `maxPixels` bounds what it may become in memory. Throws an Error that says what is wrong. */
export function readPicture(file: Uint8Array, maxPixels: number): Picture {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.subarray(0, 8).toString('hex') === PNG_MAGIC) return readPng(bytes, maxPixels);
  if (bytes.length > 3 && bytes.readUInt16BE(0) === 0xffd8) return readJpeg(bytes, maxPixels);
  throw new Error('it is neither PNG nor JPEG');
}

function readPng(bytes: Buffer, maxPixels: number): Picture {
  if (bytes.length < 33) throw new Error('it is truncated');
  checkSize(bytes.readUInt32BE(16), bytes.readUInt32BE(20), maxPixels);
  checkInflated(bytes, maxPixels);
  const png = decodePng(bytes);
  const { width, height } = png;
  if (png.palette) return { width, height, channels: 3, data: Uint8Array.from(convertIndexedToRgb(png).slice(0)) };
  if (png.depth < 8) throw new Error(`${png.depth} bits a value are not supported; save it with 8`);
  const data = png.depth === 16 ? Uint8Array.from(png.data, (value) => value >> 8) : Uint8Array.from(png.data);
  return { width, height, channels: png.channels, data };
}

/** The decoder inflates whatever it finds: a bomb is stopped here. A row is at most 8 bytes a pixel and a filter byte; interlacing adds rows. */
function checkInflated(bytes: Buffer, maxPixels: number): void {
  const parts: Buffer[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  inflateSync(Buffer.concat(parts), { maxOutputLength: 16 * maxPixels + MEGABYTE });
}

function readJpeg(bytes: Buffer, maxPixels: number): Picture {
  const { width, height, data } = jpeg.decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: Math.max(1, maxPixels / 1e6),
    maxMemoryUsageInMB: 64 + maxPixels / 1e4,
  });
  checkSize(width, height, maxPixels);
  return { width, height, channels: 3, data };
}

function checkSize(width: number, height: number, maxPixels: number): void {
  if (width * height > maxPixels) throw new Error(`${width} x ${height} pixels are more than expected`);
}
