import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a built program of the repository to its end. Inside Jest the same arithmetic takes three to four times as long. */
export async function runBuilt(program: string, args: readonly string[] = []): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [`dist/${program}`, ...args], { maxBuffer: 2 ** 26 });
  return stdout;
}
