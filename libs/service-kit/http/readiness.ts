import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';

const CHECK_MS = 2_000;

/** What has to work before this process should get requests. Whoever owns a connection adds its check. */
export class Readiness {
  private readonly checks = new Map<string, () => Promise<unknown>>();
  shuttingDown = false;

  /** The check rejects when the part does not work. */
  add(name: string, check: () => Promise<unknown>): void {
    this.checks.set(name, check);
  }

  /** Name of each part that does not work, with the reason. */
  async failures(): Promise<Record<string, string>> {
    if (this.shuttingDown) return { process: 'shutting down' };
    const failures: Record<string, string> = {};
    await Promise.all(
      [...this.checks].map(async ([name, check]) => {
        try {
          await Promise.race([check(), tooLate()]);
        } catch (error) {
          failures[name] = messageOf(error);
        }
      }),
    );
    return failures;
  }
}

async function tooLate(): Promise<never> {
  await sleep(CHECK_MS, undefined, { ref: false });
  throw new Error(`no answer within ${CHECK_MS} ms`);
}
