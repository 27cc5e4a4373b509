import { readFile, rename, rm, writeFile } from 'node:fs/promises';

import type { CheckpointStore } from '#adversarial';

/** Beside the file that will be written. Replaced in one piece: whenever the process dies, the file is a whole one. */
export function checkpointFile(out: string): CheckpointStore & { path: string; remove(): Promise<void> } {
  const path = `${out}.checkpoint`;
  return {
    path,
    async load() {
      try {
        return await readFile(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async save(bytes) {
      await writeFile(`${path}.new`, bytes);
      await rename(`${path}.new`, path);
    },
    remove: () => rm(path, { force: true }),
  };
}
