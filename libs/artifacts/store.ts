import { randomUUID } from 'node:crypto';
import { constants, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { ArtifactNotFoundError, ArtifactRefusedError, ArtifactTooLargeError } from './errors.js';
import { sha256 } from './sha256.js';

export interface ArtifactStore {
  /** The whole artifact, at most `maxBytes` long. */
  read(uri: string): Promise<Uint8Array>;
  /** All or nothing: readers see the old content or the new one, also after a crash. `name` is a relative path with `/`. */
  write(name: string, bytes: Uint8Array): Promise<{ uri: string; sha256: string }>;
  exists(uri: string): Promise<boolean>;
  /** What was written under this name, if it is still there. */
  remove(name: string): Promise<void>;
}

export interface ArtifactStoreOptions {
  /** Folder that `write` fills; made when missing. */
  root: string;
  /** More folders that may be read, e.g. where a policy's models and datasets lie. */
  readable?: readonly string[];
  maxBytes?: number;
}

const GIBIBYTE = 2 ** 30;

/** Artifacts as `file://` URIs inside the given folders; symbolic links count as where they lead. */
export function artifactStore({ root, readable = [], maxBytes = 2 * GIBIBYTE }: ArtifactStoreOptions): ArtifactStore {
  const folders = [root, ...readable].map((folder) => resolve(folder));

  async function allowedPath(uri: string): Promise<string> {
    const path = pathOf(uri);
    if (!folders.some((folder) => contains(folder, path))) throw outside(uri, folders);
    const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT' || error.code === 'ENOTDIR' ? notFound(uri) : error;
    });
    const realFolders = await Promise.all(folders.map((folder) => realpath(folder).catch(() => folder)));
    if (!realFolders.some((folder) => contains(folder, real))) throw outside(uri, folders);
    return real;
  }

  /** Where a name lies under the root, its folder made; a folder that is a link to elsewhere is refused. */
  async function ownPath(name: string): Promise<string> {
    const target = join(resolve(root), safeName(name));
    await mkdir(dirname(target), { recursive: true });
    const realRoot = await realpath(root);
    if (!contains(realRoot, await realpath(dirname(target)))) throw outside(name, [realRoot]);
    return target;
  }

  return {
    async read(uri) {
      const file = await open(await allowedPath(uri), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const stat = await file.stat();
        if (!stat.isFile()) throw new ArtifactRefusedError(`${uri} is not a regular file`);
        if (stat.size > maxBytes) {
          throw new ArtifactTooLargeError(`${uri} has ${stat.size} bytes; at most ${maxBytes} are read`);
        }
        return await readExactly(file, stat.size);
      } finally {
        await file.close();
      }
    },

    async write(name, bytes) {
      const target = await ownPath(name);
      await replaceFile(target, bytes);
      return { uri: pathToFileURL(target).href, sha256: sha256(bytes) };
    },

    async exists(uri) {
      try {
        await allowedPath(uri);
        return true;
      } catch (error) {
        if (error instanceof ArtifactNotFoundError) return false;
        throw error;
      }
    },

    async remove(name) {
      await rm(await ownPath(name), { force: true });
    },
  };
}

function pathOf(uri: string): string {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    throw new ArtifactRefusedError(`"${uri}" is not a URI; write file:///path/to/file`);
  }
  if (url.protocol !== 'file:') {
    throw new ArtifactRefusedError(`${uri}: scheme "${url.protocol}" is not served; only file:// is`);
  }
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new ArtifactRefusedError(`${uri}: ${(error as Error).message}`);
  }
}

function safeName(name: string): string {
  const path = normalize(name);
  const leaves = path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
  if (leaves || name.includes('\0') || basename(path) === '.' || path.endsWith(sep)) {
    throw new ArtifactRefusedError(`artifact name "${name}" must be a relative file path that stays inside the store`);
  }
  return path;
}

function contains(folder: string, path: string): boolean {
  const between = relative(folder, path);
  return between !== '..' && !between.startsWith(`..${sep}`) && !isAbsolute(between);
}

/** The size was checked on the open file: a file that grows meanwhile is cut there, one that shrinks is short. */
async function readExactly(file: Awaited<ReturnType<typeof open>>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function replaceFile(target: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(target), 'r'); // the rename itself is durable only once its folder is
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function outside(uri: string, folders: readonly string[]): ArtifactRefusedError {
  return new ArtifactRefusedError(
    `${uri} is outside the folders of this store (${folders.join(', ')}): name its folder in READABLE_DIRS`,
  );
}

function notFound(uri: string): ArtifactNotFoundError {
  return new ArtifactNotFoundError(`there is no file at ${uri}`);
}
