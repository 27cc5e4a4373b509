import { gunzipSync } from 'node:zlib';

import { DatasetError } from './errors.js';
import type { NpyArray } from './npy.js';

const UNSIGNED_BYTE = 0x08;
const GZIP_MAGIC = 0x8b1f;

/** MNIST's own format (yann.lecun.com/exdb/mnist), plain or gzipped: 0 0 type rank, big-endian sizes, bytes. */
export function readIdx(bytes: Uint8Array, file: string, field: string, maxBytes: number): NpyArray {
  const buffer = gunzipIfPacked(bytes, file, field, maxBytes);
  const rank = buffer[3] ?? 0;
  if (buffer.length < 4 + 4 * rank || rank === 0 || buffer.readUInt16BE(0) !== 0) {
    throw new DatasetError(file, field, 'is not an IDX file');
  }
  if (buffer[2] !== UNSIGNED_BYTE) {
    throw new DatasetError(
      file,
      field,
      `has element type 0x${buffer[2]?.toString(16)}; only unsigned bytes (0x8) are read`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => buffer.readUInt32BE(4 + 4 * axis));
  const data = new Uint8Array(buffer.subarray(4 + 4 * rank));
  const count = shape.reduce((product, size) => product * size, 1);
  if (data.length !== count) {
    throw new DatasetError(file, field, `holds ${data.length} bytes, but shape (${shape.join(', ')}) needs ${count}`);
  }
  return { shape, data };
}

function gunzipIfPacked(bytes: Uint8Array, file: string, field: string, maxBytes: number): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 2 || buffer.readUInt16LE(0) !== GZIP_MAGIC) return buffer;
  try {
    return gunzipSync(buffer, { maxOutputLength: maxBytes });
  } catch {
    throw new DatasetError(file, field, `cannot be gunzipped within ${maxBytes} bytes`);
  }
}
