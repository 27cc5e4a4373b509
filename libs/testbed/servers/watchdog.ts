import { spawn, type ChildProcess } from 'node:child_process';

/** Ends `child` when this process ends, even by SIGKILL: the watchdog's standard input closes then. Deletes `dir` afterwards. */
export function endWithThisProcess(child: ChildProcess, dir?: string): void {
  const script = 'read _; kill -9 "$0" 2>/dev/null; [ -n "$1" ] && rm -rf "$1"';
  const watchdog = spawn('/bin/sh', ['-c', script, String(child.pid), dir ?? ''], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.once('exit', () => watchdog.kill('SIGKILL'));
  watchdog.stdin.on('error', () => undefined);
  (watchdog.stdin as unknown as { unref(): void }).unref();
  watchdog.unref();
}
