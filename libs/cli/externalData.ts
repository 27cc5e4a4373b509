import { open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';

import type { ExternalPlace } from '#onnx-autodiff';

import { UsageError } from './errors.js';
import { reason } from './fileErrors.js';

/** Weights of the model at `path`. It may name any file: only regular ones in its own folder are read, wherever links lead. */
export async function readBeside(path: string, { location, offset, length }: ExternalPlace): Promise<Uint8Array> {
  const refused = (what: string) => new UsageError(`model: ${path} has weights in "${location}", ${what}`);
  if (isAbsolute(location) || location.split(/[/\\]/).includes('..'))
    throw refused("which is not in the model's folder");
  try {
    const folder = await realpath(dirname(path));
    const file = await realpath(join(folder, location));
    if (relative(folder, file).split(sep)[0] === '..') throw refused("a link that leads out of the model's folder");
    if (!(await stat(file)).isFile()) throw refused('which is no file'); // a pipe would be waited for
    return await readPart(file, offset, length);
  } catch (error) {
    throw error instanceof UsageError ? error : refused(`which cannot be read: ${reason(error)}`);
  }
}

async function readPart(file: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
