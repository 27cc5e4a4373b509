import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startStack } from './stack.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-stack-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Process ids that know the folder, by their arguments or their environment (where the system tells that in files). */
const running = (): string[] =>
  existsSync('/proc')
    ? readdirSync('/proc').filter((pid) =>
        ['cmdline', 'environ'].some((about) => {
          try {
            return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/${about}`, 'utf8').includes(folder);
          } catch {
            return false; // gone meanwhile, or another user's
          }
        }),
      )
    : [];

describe('a start that is given up', () => {
  it.each(['nats', 'metrics-collector', 'predictor'])(
    'when %s is there leaves nothing running',
    async (last) => {
      const giveUp = new AbortController();
      const seen: string[] = [];
      const start = startStack({
        folder,
        model: { namespace: 'demo', name: 'mnist', revision: 'r1', file: 'libs/testbed/models/mnist-cnn.onnx' },
        policy: () => ({}),
        onStarted: (name) => {
          seen.push(name);
          if (existsSync('/proc')) expect(running().length).toBeGreaterThan(0);
          if (name === last) setImmediate(() => giveUp.abort());
        },
        signal: giveUp.signal,
      });
      await expect(start).rejects.toThrow(/abort/);
      expect(seen.at(-1)).toBe(last === 'nats' ? 'redis' : last);
      expect(running()).toEqual([]);
    },
    60_000,
  );
});
