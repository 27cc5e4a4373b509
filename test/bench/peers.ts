import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const folder = join(import.meta.dirname, '../../../test/bench');

/** A Python that has these modules: ANTIBODY_PYTHON, or python3. */
export function pythonWith(...modules: string[]): string | undefined {
  const python = process.env['ANTIBODY_PYTHON'] ?? 'python3';
  const { status } = spawnSync(python, ['-c', `import ${modules.join()}`], { stdio: 'ignore' });
  return status === 0 ? python : undefined;
}

/** A script that says `ready` and then answers each line with one. */
export interface Peer {
  ask(line: string): Promise<string>;
  end(): Promise<void>;
}

export async function startPeer(
  python: string,
  script: 'steps_peer.py' | 'attacks_peer.py',
  args: readonly string[],
  threads: number,
): Promise<Peer> {
  const path = join(folder, script);
  const child = spawn(python, [path, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw new Error(`${script} ended early: run ${python} ${path} ${args.join(' ')} to see why`);
    return line.value;
  };
  await next();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    async end() {
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}
