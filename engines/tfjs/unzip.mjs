import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';

// Positions and signatures: PKWARE's APPNOTE, sections 4.3.7 (local header), 4.3.12 (central header), 4.3.16 (end record).
const END = 0x06054b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const STORED = 0;

/** Unpacks the members of a zip file (below 4 GiB, as wheels are) for which `place` gives a path below `folder`. */
export async function unzip(path, folder, place) {
  const file = await open(path);
  try {
    for (const member of await members(file)) {
      const target = place(member.name);
      if (target === undefined) continue;
      const local = await bytes(file, member.offset, LOCAL_SIZE);
      const start = member.offset + LOCAL_SIZE + local.readUInt16LE(26) + local.readUInt16LE(28);
      const packed = createReadStream(path, { start, end: start + member.size - 1 });
      await mkdir(dirname(join(folder, target)), { recursive: true });
      const out = createWriteStream(join(folder, target));
      await (member.method === STORED ? pipeline(packed, out) : pipeline(packed, createInflateRaw(), out));
    }
  } finally {
    await file.close();
  }
}

async function members(file) {
  const { size } = await file.stat();
  const tail = await bytes(
    file,
    Math.max(0, size - END_SIZE - LONGEST_COMMENT),
    Math.min(size, END_SIZE + LONGEST_COMMENT),
  );
  let end = tail.length - END_SIZE;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new Error('it is not a zip file');
  const directory = await bytes(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const found = [];
  for (let at = 0; at < directory.length;) {
    const nameLength = directory.readUInt16LE(at + 28);
    found.push({
      name: directory.toString('utf8', at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameLength),
      method: directory.readUInt16LE(at + 10),
      size: directory.readUInt32LE(at + 20),
      offset: directory.readUInt32LE(at + 42),
    });
    at += CENTRAL_SIZE + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return found.filter(({ name, size: packed }) => !name.endsWith('/') && packed > 0);
}

async function bytes(file, position, length) {
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer;
}
