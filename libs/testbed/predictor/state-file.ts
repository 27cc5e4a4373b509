import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrafficSplit } from './traffic-split.js';

/** What the predictor must still know after a restart: for each model its revisions' files, and their shares of the traffic. */
export type PredictorState = Record<string, { revisions: Record<string, string>; traffic: TrafficSplit }>;

export interface StateFile {
  read(): Promise<PredictorState>;
  /** Durable when it resolves; calls take effect in their order. */
  write(state: PredictorState): Promise<void>;
}

export function stateFile(folder: string): StateFile {
  const path = join(folder, 'predictor.json');
  let tail: Promise<void> = Promise.resolve();

  async function replace(text: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    const file = await open(`${path}.tmp`, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.tmp`, path);
  }

  return {
    async read() {
      try {
        return JSON.parse(await readFile(path, 'utf8')) as PredictorState;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
        throw new Error(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
      }
    },
    write(state) {
      const text = JSON.stringify(state, null, 2);
      const written = tail.then(() => replace(text));
      tail = written.catch(() => undefined);
      return written;
    },
  };
}
