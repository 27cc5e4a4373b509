import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock, Stepper, NetworkName } from './steps.js';

const script = join(import.meta.dirname, '../../../test/bench/peers.py');

export type Peer = 'torch' | 'art';

/** A Python that has PyTorch and ART: ANTIBODY_PYTHON, or python3. */
export function pythonWithPeers(): string | undefined {
  const python = process.env['ANTIBODY_PYTHON'] ?? 'python3';
  return spawnSync(python, ['-c', 'import torch, art'], { stdio: 'ignore' }).status === 0 ? python : undefined;
}

/** A process that does steps when it is told to. */
export async function peerStepper(
  python: string,
  peer: Peer,
  network: NetworkName,
  threads: number,
  clock: Clock,
): Promise<Stepper> {
  const child = spawn(python, [script, peer, network, String(threads), clock], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done) throw new Error(`${peer} ended early: run ${script} by hand to see why`);
    return line.value;
  };
  await next(); // ready
  return {
    async run(steps) {
      child.stdin.write(`${steps}\n`);
      return Number(await next());
    },
    async end() {
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}
