import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';

import { DatasetError } from './errors.js';

/**
 * The part of the ZIP format that NumPy writes: stored or deflated entries, sizes from the central directory
 * (so data descriptors and the zip64 field that `np.savez` puts into local headers do not matter). APPNOTE.TXT 4.3.
 */
const END_RECORD = 0x06054b50;
const CENTRAL_HEADER = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const END_RECORD_BYTES = 22;
const MAX_ENTRIES = 1024;
const STORED = 0;
const DEFLATED = 8;

interface Entry {
  name: string;
  flags: number;
  method: number;
  crc: number;
  packedSize: number;
  size: number;
  offset: number;
}

/** Unpacks all entries; refuses more than `maxBytes` in total before anything is inflated. */
export function readZip(bytes: Uint8Array, file: string, maxBytes: number): Map<string, Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const entries = centralDirectory(buffer, file);
    const total = entries.reduce((sum, entry) => sum + entry.size, 0);
    if (total > maxBytes) {
      throw new DatasetError(file, 'archive', `unpacks to ${total} bytes; at most ${maxBytes} are read`);
    }
    return new Map(entries.map((entry) => [entry.name, unpack(buffer, entry, file)]));
  } catch (error) {
    if (error instanceof DatasetError) throw error;
    throw new DatasetError(file, 'archive', 'is truncated or damaged'); // an offset led outside the file
  }
}

function centralDirectory(buffer: Buffer, file: string): Entry[] {
  const end = endRecord(buffer, file);
  const count = buffer.readUInt16LE(end + 10);
  if (count > MAX_ENTRIES)
    throw new DatasetError(file, 'archive', `has ${count} entries; at most ${MAX_ENTRIES} are read`);
  const entries: Entry[] = [];
  let at = buffer.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    if (buffer.readUInt32LE(at) !== CENTRAL_HEADER) throw new DatasetError(file, 'archive', 'has a damaged directory');
    const nameLength = buffer.readUInt16LE(at + 28);
    const nameStart = at + 46;
    entries.push({
      name: buffer.toString('utf8', nameStart, nameStart + nameLength),
      flags: buffer.readUInt16LE(at + 8),
      method: buffer.readUInt16LE(at + 10),
      crc: buffer.readUInt32LE(at + 16),
      packedSize: buffer.readUInt32LE(at + 20),
      size: buffer.readUInt32LE(at + 24),
      offset: buffer.readUInt32LE(at + 42),
    });
    at = nameStart + nameLength + buffer.readUInt16LE(at + 30) + buffer.readUInt16LE(at + 32);
  }
  return entries;
}

/** The end record is last, but for a comment of at most 64 KiB. */
function endRecord(buffer: Buffer, file: string): number {
  const earliest = Math.max(0, buffer.length - END_RECORD_BYTES - 0xffff);
  for (let at = buffer.length - END_RECORD_BYTES; at >= earliest; at--) {
    if (buffer.readUInt32LE(at) === END_RECORD) return at;
  }
  throw new DatasetError(file, 'archive', 'is not a complete zip file');
}

function unpack(buffer: Buffer, entry: Entry, file: string): Uint8Array {
  const { name, method, size, packedSize, offset } = entry;
  if (entry.flags & 1) throw new DatasetError(file, name, 'is encrypted; save it without a password');
  if (size === 0xffffffff || packedSize === 0xffffffff) throw new DatasetError(file, name, 'is larger than 4 GiB');
  if (buffer.readUInt32LE(offset) !== LOCAL_HEADER) throw new DatasetError(file, name, 'has a damaged header');
  const start = offset + 30 + buffer.readUInt16LE(offset + 26) + buffer.readUInt16LE(offset + 28);
  if (start + packedSize > buffer.length) throw new DatasetError(file, name, 'is truncated');
  const data = inflate(buffer.subarray(start, start + packedSize), method, size, file, name);
  if (data.length !== size || crc32(data) !== entry.crc)
    throw new DatasetError(file, name, 'is damaged (checksum differs)');
  return data;
}

function inflate(packed: Buffer, method: number, size: number, file: string, name: string): Uint8Array {
  if (method === STORED) return packed;
  if (method !== DEFLATED)
    throw new DatasetError(file, name, `is packed by method ${method}; only stored and deflate are read`);
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, size) });
  } catch {
    throw new DatasetError(file, name, 'cannot be inflated to its declared size');
  }
}

/** Deflated entries, all with the same timestamp. */
export function writeZip(entries: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of entries) {
    const packed = deflateRawSync(data);
    const encoded = Buffer.from(name, 'utf8');
    const shared = sharedHeader(data, packed.length, encoded.length);
    const local = Buffer.concat([uint32(LOCAL_HEADER), shared, encoded, packed]);
    centrals.push(
      Buffer.concat([uint32(CENTRAL_HEADER), uint16(20), shared, Buffer.alloc(10), uint32(offset), encoded]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const count = uint16(entries.size);
  const end = [uint32(END_RECORD), Buffer.alloc(4), count, count, uint32(directory.length), uint32(offset), uint16(0)];
  return Buffer.concat([...locals, directory, ...end]);
}

/** The 26 bytes that local and central headers have in common, from "version needed" to "extra field length". */
function sharedHeader(data: Uint8Array, packedSize: number, nameLength: number): Buffer {
  const header = Buffer.alloc(26);
  header.writeUInt16LE(20, 0);
  header.writeUInt16LE(0x0800, 2); // names are UTF-8
  header.writeUInt16LE(DEFLATED, 4);
  header.writeUInt16LE(0x21, 8); // 1 January 1980
  header.writeUInt32LE(crc32(data), 10);
  header.writeUInt32LE(packedSize, 14);
  header.writeUInt32LE(data.length, 18);
  header.writeUInt16LE(nameLength, 22);
  return header;
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}
