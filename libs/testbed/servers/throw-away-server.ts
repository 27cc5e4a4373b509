import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';
import { endWithThisProcess } from './watchdog.js';

/** A real server as a child process. It ends with this process, however this process ends. */
export interface ThrowAwayServer {
  readonly url: string;
  readonly port: number;
  /** Process id of the run that is (or was last) alive. */
  readonly pid: number;
  /** Sends the signal and waits until the process is gone. The data and the port stay: `restart` brings it back. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Ends the process if it still runs, and starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends the process and deletes its data, unless the caller gave the folder. */
  stop(): Promise<void>;
}

export interface ServerKind {
  binary: string;
  install: string;
  scheme: string;
  args(port: number, dir: string, logFile: string): string[];
  /** Added to the environment of this process. */
  env?: Record<string, string>;
  /** Resolves when the server on this port answers, rejects when it does not (yet). */
  probe(port: number): Promise<void>;
}

const START_ATTEMPTS = 3;
const START_MS = 15_000;
const STOP_MS = 5_000;

/** The server binary is not installed. */
export class ServerMissingError extends Error {
  override readonly name = 'ServerMissingError';
}

export async function startServer(kind: ServerKind, at: { port?: number; dir?: string }): Promise<ThrowAwayServer> {
  const dir = at.dir ?? (await mkdtemp(join(tmpdir(), 'antibody-server-')));
  const ownsDir = at.dir === undefined;
  let port = at.port ?? (await freePort());
  let run: Run;
  for (let attempt = 1; ; attempt++) {
    try {
      run = await launch(kind, port, dir, ownsDir);
      break;
    } catch (error) {
      const portMayBeTaken =
        at.port === undefined && attempt < START_ATTEMPTS && !(error instanceof ServerMissingError);
      if (!portMayBeTaken) {
        if (ownsDir) await rm(dir, { recursive: true, force: true });
        throw error;
      }
      port = await freePort();
    }
  }
  return {
    url: `${kind.scheme}://127.0.0.1:${port}`,
    port,
    get pid() {
      return run.pid;
    },
    kill: (signal) => run.end(signal ?? 'SIGKILL'),
    async restart() {
      await run.end('SIGTERM');
      run = await launch(kind, port, dir, ownsDir);
    },
    async stop() {
      await run.end('SIGTERM');
      if (ownsDir) await rm(dir, { recursive: true, force: true });
    },
  };
}

interface Run {
  pid: number;
  end(signal: NodeJS.Signals): Promise<void>;
}

async function launch(kind: ServerKind, port: number, dir: string, ownsDir: boolean): Promise<Run> {
  const logFile = join(dir, 'server.log');
  // A session of its own, so that Ctrl-C in a terminal reaches the parent only, which then ends the server in its own order.
  const child = spawn(kind.binary, kind.args(port, dir, logFile), {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, ...kind.env },
  });
  const spawned = await Promise.race([
    once(child, 'spawn').then(() => undefined),
    once(child, 'error').then(([e]) => e as Error),
  ]).catch((e: unknown) => e as Error);
  if (spawned) throw new ServerMissingError(`${kind.binary} cannot be started (${spawned.message}). ${kind.install}`);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  endWithThisProcess(child, ownsDir ? dir : undefined);
  child.unref();
  const run: Run = {
    pid: child.pid!,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.kill(signal);
      const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(force);
    },
  };
  const deadline = Date.now() + START_MS;
  for (;;) {
    const gone = child.exitCode !== null || child.signalCode !== null;
    const answer = gone
      ? new Error(`it ended with ${child.exitCode ?? child.signalCode}`)
      : await kind.probe(port).catch((e: unknown) => e as Error);
    if (!answer) return run;
    if (gone || Date.now() > deadline) {
      await run.end('SIGKILL');
      const log = await readFile(logFile, 'utf8').catch(() => '');
      throw new Error(
        `${kind.binary} did not start on port ${port}: ${answer.message}\n${log.split('\n').slice(-8).join('\n')}`,
      );
    }
    await sleep(15);
  }
}
