/** What reading an untrusted file came to. */
export type Outcome = 'read' | 'refused';

type ErrorClass = new (...args: never[]) => Error;

/** Fails unless `read` succeeds or throws an error of these classes, with a message of one line. */
export async function outcomeOf(read: () => unknown, allowed: readonly ErrorClass[]): Promise<Outcome> {
  try {
    await read();
    return 'read';
  } catch (error) {
    const named = allowed.some((kind) => error instanceof kind);
    if (!named) throw new Error('a file caused an error that is not named', { cause: error });
    const { message } = error as Error;
    if (!/^[^\p{Cc}]{1,600}$/u.test(message))
      throw new Error(`not one line: ${JSON.stringify(message)}`, { cause: error });
    return 'refused';
  }
}

/** Bytes that the process holds beyond what it had, at most, while `work` runs; looked at between its steps. */
export async function largestGrowth(work: (look: () => void) => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = 0;
  await work(() => (most = Math.max(most, process.memoryUsage.rss() - before)));
  return most;
}
