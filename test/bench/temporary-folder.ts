import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for the time of `work`. It stays when that fails, for the logs in it. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'antibody-bench-'));
  const result = await work(folder).catch((error: unknown) => {
    throw new Error(`${(error as Error).message} (logs: ${folder})`, { cause: error });
  });
  await rm(folder, { recursive: true, force: true });
  return result;
}
