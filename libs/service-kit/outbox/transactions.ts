import type { ChainableCommander, Redis } from 'ioredis';
import { messageOf } from '../errors.js';

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
    // Nothing waits for a connection or is sent again behind our back: a command fails when its connection breaks.
    this.redis = redis.duplicate({
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
    });
    this.redis.on('close', () => this.breaks++);
    this.redis.on('error', () => undefined); // the connection this one was made from logs it
  }

  /** `repeatable`: running it again is harmless even when it had been stored. */
  run<T>(
    watched: string[],
    decide: (redis: Redis) => Promise<Transaction<T>>,
    { repeatable }: { repeatable: boolean },
  ): Promise<T> {
    const next = this.tail.then(() => this.untilStored(watched, decide, repeatable));
    this.tail = next.catch(() => undefined);
    return next;
  }

  close(): void {
    this.redis.disconnect();
  }

  private async untilStored<T>(
    watched: string[],
    decide: (redis: Redis) => Promise<Transaction<T>>,
    repeatable: boolean,
  ): Promise<T> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await this.ready();
      const breaksBefore = this.breaks;
      const isBroken = () => this.breaks !== breaksBefore || this.redis.status !== 'ready';
      let sent = false;
      try {
        if (watched.length > 0) await this.redis.watch(...watched);
        const { result, change } = await decide(this.redis);
        if (!change) {
          await this.redis.unwatch();
          return result;
        }
        const multi = this.redis.multi();
        change(multi);
        // Nothing yields between this check and the write: the commands go to the connection that watches, or nowhere.
        if (isBroken()) continue;
        sent = true;
        const replies = await multi.exec();
        if (replies === null) continue; // a watched key has changed
        const failed = replies.find(([error]) => error)?.[0];
        if (failed) throw failed;
        return result;
      } catch (error) {
        if (!isBroken()) {
          await this.redis.unwatch().catch(() => undefined);
          throw error;
        }
        if (sent && !repeatable) throw new UncertainError(`Redis went away during a transaction: ${messageOf(error)}`);
      }
    }
    throw new ConflictError(`the keys ${watched.join(', ')} changed during each of ${ATTEMPTS} attempts`);
  }

  private async ready(): Promise<void> {
    while (this.redis.status !== 'ready') {
      if (this.redis.status === 'end') throw new Error('the outbox is closed');
      await new Promise<void>((resolve) => this.redis.once('ready', resolve).once('end', resolve));
    }
  }
}
