import type { ChainableCommander, Redis } from 'ioredis';

export interface Transaction<T> {
  result: T;
  /** Nothing is stored without it. */
  change?: (multi: ChainableCommander) => void;
}

/** Other processes kept changing the same keys. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

/** The connection broke while Redis may or may not have stored the transaction. */
export class UncertainError extends Error {
  override readonly name = 'UncertainError';
}

const ATTEMPTS = 50;

/** Optimistic transactions (WATCH, read, MULTI, EXEC), one after the other on a connection of their own. */
export class Transactions {
  private readonly redis: Redis;
  private tail: Promise<unknown> = Promise.resolve();
  /** Counts broken connections: what WATCH guarded before a break is not guarded after it. */
  private breaks = 0;

  constructor(redis: Redis) {
    this.redis = redis.duplicate({ autoResendUnfulfilledCommands: false, maxRetriesPerRequest: null });
    this.redis.on('close', () => this.breaks++);
    this.redis.on('error', () => undefined); // the connection this one was made from logs it
  }

  /** `repeatable`: running it again is harmless even when the transaction had been stored. */
  run<T>(
    watched: string[],
    decide: (redis: Redis) => Promise<Transaction<T>>,
    { repeatable }: { repeatable: boolean },
  ): Promise<T> {
    const next = this.tail.then(() => this.attempt(watched, decide, repeatable));
    this.tail = next.catch(() => undefined);
    return next;
  }

  close(): void {
    this.redis.disconnect();
  }

  private async attempt<T>(
    watched: string[],
    decide: (redis: Redis) => Promise<Transaction<T>>,
    repeatable: boolean,
  ): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (this.redis.status !== 'ready') await this.redis.ping(); // waits for the connection
      const breaksBefore = this.breaks;
      if (watched.length > 0) await this.redis.watch(...watched);
      const { result, change } = await decide(this.redis).catch(async (error: unknown) => {
        await this.redis.unwatch();
        throw error;
      });
      if (!change) {
        await this.redis.unwatch();
        return result;
      }
      const multi = this.redis.multi();
      change(multi);
      // From here to the write nothing yields, so the commands go to the connection that watches, or nowhere.
      if (this.breaks !== breaksBefore || this.redis.status !== 'ready') continue;
      let replies: [Error | null, unknown][] | null;
      try {
        replies = await multi.exec();
      } catch (error) {
        if (this.breaks === breaksBefore) throw error;
        if (repeatable) continue;
        throw new UncertainError(`Redis connection lost during a transaction: ${(error as Error).message}`);
      }
      if (replies === null) continue; // a watched key has changed
      const failed = replies.find(([error]) => error)?.[0];
      if (failed) throw failed;
      return result;
    }
    throw new ConflictError(`the keys ${watched.join(', ')} changed during each of ${ATTEMPTS} attempts`);
  }
}
