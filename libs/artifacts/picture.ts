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
  const png = decodePng(boundedPng(bytes, maxPixels));
  const { width, height } = png;
  if (png.palette) return { width, height, channels: 3, data: Uint8Array.from(convertIndexedToRgb(png).slice(0)) };
  if (png.depth < 8) throw new Error(`${png.depth} bits a value are not supported; save it with 8`);
  const data = png.depth === 16 ? Uint8Array.from(png.data, (value) => value >> 8) : Uint8Array.from(png.data);
  return { width, height, channels: png.channels, data };
}

/** What makes the picture; of the rest, texts and colour profiles are packed, and the decoder would unpack them whatever their size. */
const ESSENTIAL = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];

/** The decoder makes room for what the header says and inflates whatever it finds: a bomb is stopped here. */
function boundedPng(bytes: Buffer, maxPixels: number): Buffer {
  const chunks = [...chunksOf(bytes)].filter(({ type }) => ESSENTIAL.includes(type));
  const [head, ...others] = chunks;
  if (head?.type !== 'IHDR' || head.data.length !== 13 || others.some(({ type }) => type === 'IHDR'))
    throw new Error('it is truncated or has no proper header');
  checkSize(head.data.readUInt32BE(0), head.data.readUInt32BE(4), maxPixels);
  const packed = Buffer.concat(others.filter(({ type }) => type === 'IDAT').map(({ data }) => data));
  // A row is at most 8 bytes a pixel and a filter byte; interlacing adds rows.
  inflateSync(packed, { maxOutputLength: 16 * maxPixels + MEGABYTE });
  return Buffer.concat([bytes.subarray(0, 8), ...chunks.map(({ whole }) => whole)]);
}

function* chunksOf(bytes: Buffer) {
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    yield { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) };
    at = end;
  }
}

function readJpeg(bytes: Buffer, maxPixels: number): Picture {
  const options = {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: maxPixels / 1e6,
    maxMemoryUsageInMB: 64 + maxPixels / 1e4,
  };
  const { width, height, data } = decodeJpeg(bytes, options, maxPixels);
  return { width, height, channels: 3, data };
}

function decodeJpeg(bytes: Buffer, options: object, maxPixels: number) {
  try {
    return jpeg.decode(bytes, options);
  } catch (error) {
    const { message } = error as Error;
    throw message.includes('maxResolutionInMP') ? new Error(`it has more than ${maxPixels} pixels`) : error;
  }
}

function checkSize(width: number, height: number, maxPixels: number): void {
  if (width * height > maxPixels) throw new Error(`${width} x ${height} pixels are more than expected`);
}
