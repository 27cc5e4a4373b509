import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithThisProcess } from '../servers/watchdog.js';

/** One of our own programs as a process of its own, as in production. It ends with this process, however this process ends. */
export interface NodeProcess {
  readonly name: string;
  /** Where it listens; the same after a restart. */
  readonly url: string;
  readonly pid: number;
  readonly running: boolean;
  /** Sends the signal and waits until the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port; ends it first if it still runs. */
  restart(): Promise<void>;
}

export interface NodeProgram {
  name: string;
  /** Compiled program, e.g. `dist/services/trainer/main.js`. */
  script: string;
  env: Record<string, string>;
  /** Its output goes to `<logDir>/<name>.log`. */
  logDir: string;
  /** Gives the start up; a process that listens already is not touched. */
  signal?: AbortSignal;
}

const START_MS = 120_000;
const STOP_MS = 15_000;

/** A program says `{"msg":"listening","url":...}` on a line of its standard output when it is ready. */
const listeningUrl = (line: string): string | undefined => {
  if (!line.includes('"listening"')) return undefined;
  try {
    const entry = JSON.parse(line) as { msg?: string; url?: string };
    return entry.msg === 'listening' ? entry.url : undefined;
  } catch {
    return undefined;
  }
};

export async function startProgram(program: NodeProgram): Promise<NodeProcess> {
  mkdirSync(program.logDir, { recursive: true });
  let run = await launch(program);
  const { url } = run;
  return {
    name: program.name,
    url,
    get pid() {
      return run.child.pid!;
    },
    get running() {
      return run.child.exitCode === null && run.child.signalCode === null;
    },
    kill: (signal = 'SIGKILL') => end(run.child, signal),
    async restart() {
      await end(run.child, 'SIGTERM');
      run = await launch({ ...program, env: { ...program.env, PORT: new URL(url).port } });
    },
  };
}

async function launch({
  name,
  script,
  env,
  logDir,
  signal,
}: NodeProgram): Promise<{ child: ChildProcess; url: string }> {
  signal?.throwIfAborted();
  // A session of its own, so that Ctrl-C reaches the parent only, which then ends everything in its own order.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  endWithThisProcess(child);
  const log = createWriteStream(join(logDir, `${name}.log`), { flags: 'a' });
  const tail: string[] = [];
  const keep = (line: string) => {
    log.write(`${line}\n`);
    tail.push(line);
    if (tail.length > 20) tail.shift();
  };
  createInterface({ input: child.stderr }).on('line', keep);
  const lines = createInterface({ input: child.stdout });
  const url = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      keep(line);
      const found = listeningUrl(line);
      if (found) resolve(found);
    });
  });
  child.once('close', () => log.end());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not listen within ${START_MS / 1000} s`)), START_MS);
  });
  const gone = once(child, 'exit').then(([code, by]) => {
    throw new Error(`ended with ${String(code ?? by)}`);
  });
  let giveUp = () => undefined as void;
  const givenUp = new Promise<never>((_, reject) => (giveUp = () => reject(signal!.reason as Error)));
  signal?.addEventListener('abort', giveUp);
  try {
    return { child, url: await Promise.race([url, gone, late, givenUp]) };
  } catch (error) {
    await end(child, 'SIGKILL');
    signal?.throwIfAborted();
    throw new Error(`${name} did not start: it ${(error as Error).message}\n${tail.join('\n')}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
    gone.catch(() => undefined);
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(force);
}
