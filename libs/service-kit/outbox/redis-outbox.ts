import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { ChainableCommander, Redis } from 'ioredis';
import { contextHeaders } from '../context.js';
import { messageOf, PermanentError } from '../errors.js';
import type { OutgoingMessage } from '../jetstream/contract-events.js';
import type { JetStreamPublisher } from '../jetstream/publisher.js';
import { Transactions, type Transaction } from './transactions.js';

export interface OutboxOptions {
  redis: Redis;
  publisher: JetStreamPublisher;
  /** Redis stream that holds what is not published yet. */
  key: string;
}

/** What a decision changes and says. */
export interface Decision {
  change?: (multi: ChainableCommander) => void;
  messages?: readonly OutgoingMessage[];
}

export interface CommitOptions {
  /** Id of the message or request that causes this: its second commit does nothing. */
  once?: string;
}

/** 'done', or 'duplicate' when `once` has been committed before. */
export type CommitResult = 'done' | 'duplicate';

interface Entry {
  subject: string;
  messageId: string;
  data: unknown;
  headers: Record<string, string>;
}

const PAGE = 100;
const POLL_MS = 1_000;
const PUBLISH_MS = 10_000;
const ONCE_SECONDS = 7 * 24 * 3600;
/** nats-server's default max_payload is 1 MiB, headers included. */
const MAX_BODY_BYTES = 1_000_000;

/**
 * State and the messages that its change causes are stored in one Redis transaction and published from there, in order,
 * under stable ids: a process that dies between the two resumes, and the stream drops what it had published already.
 */
export class RedisOutbox implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RedisOutbox.name);
  private readonly transactions: Transactions;
  private readonly reader: Redis;
  private readonly closing = new AbortController();
  private wake = new AbortController();
  private pump?: Promise<void>;

  constructor(private readonly options: OutboxOptions) {
    this.transactions = new Transactions(options.redis);
    this.reader = options.redis;
  }

  /** Stores a change that depends on nothing. */
  commit(
    change: (multi: ChainableCommander) => void,
    messages: readonly OutgoingMessage[],
    options: CommitOptions = {},
  ): Promise<CommitResult> {
    return this.update([], () => Promise.resolve({ change, messages }), options);
  }

  /**
   * Reads, decides, and stores the decision only if none of the `watched` keys has changed meanwhile; otherwise decides again.
   * `decide` must therefore be free of side effects.
   */
  async update(
    watched: readonly string[],
    decide: (redis: Redis) => Promise<Decision>,
    { once }: CommitOptions = {},
  ): Promise<CommitResult> {
    const onceKey = once === undefined ? undefined : `${this.options.key}:once:${once}`;
    const result = await this.transactions.run(
      onceKey ? [...watched, onceKey] : [...watched],
      async (redis): Promise<Transaction<CommitResult>> => {
        if (onceKey && (await redis.exists(onceKey))) return { result: 'duplicate' };
        const { change, messages = [] } = await decide(redis);
        if (!onceKey && !change && messages.length === 0) return { result: 'done' }; // decided to do nothing
        const entries = messages.map(encode);
        return {
          result: 'done',
          change: (multi) => {
            if (onceKey) multi.set(onceKey, '1', 'EX', ONCE_SECONDS);
            change?.(multi);
            for (const entry of entries) multi.xadd(this.options.key, '*', 'message', entry);
          },
        };
      },
      { repeatable: onceKey !== undefined },
    );
    this.wake.abort();
    return result;
  }

  /** Messages stored and not published yet. */
  pending(): Promise<number> {
    return this.reader.xlen(this.options.key);
  }

  /** Begins with what an earlier process left. Nest calls it. */
  onApplicationBootstrap(): void {
    this.pump ??= this.run();
  }

  /** Resolves when everything committed so far is published. */
  async drain(): Promise<void> {
    while (!this.closing.signal.aborted && (await this.pending()) > 0) {
      this.wake.abort();
      await sleep(20);
    }
  }

  /** Ends after the message under way; the rest stays for the next process. Nest calls it. */
  async onApplicationShutdown(): Promise<void> {
    this.closing.abort();
    this.wake.abort();
    await this.pump;
    this.transactions.close();
  }

  private async run(): Promise<void> {
    while (!this.closing.signal.aborted) {
      this.wake = new AbortController();
      try {
        if ((await this.publishPage()) > 0) continue;
        await sleep(POLL_MS, undefined, { signal: this.wake.signal }).catch(() => undefined);
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.logger.warn(`${this.options.key} waits: ${messageOf(error)}`);
        await sleep(POLL_MS);
      }
    }
  }

  /** One at a time: an order that survives failures. Several processes may do it at once, since ids are stable. */
  private async publishPage(): Promise<number> {
    const { key, publisher } = this.options;
    const page = await this.reader.xrange(key, '-', '+', 'COUNT', PAGE);
    for (const [position, fields] of page) {
      if (this.closing.signal.aborted) break;
      const { subject, messageId, data, headers } = JSON.parse(fields[1]!) as Entry;
      await publisher.publish(subject, data, { messageId, headers, deadlineMs: PUBLISH_MS });
      await this.reader.xdel(key, position);
    }
    return page.length;
  }
}

/** With the context of the work that caused it: the pump that publishes it later works for nobody in particular. */
function encode({ subject, messageId, data, headers }: OutgoingMessage): string {
  const entry = JSON.stringify({
    subject,
    messageId,
    data,
    headers: { ...contextHeaders(), ...headers },
  } satisfies Entry);
  if (Buffer.byteLength(entry) > MAX_BODY_BYTES)
    throw new PermanentError(
      `message ${messageId} for ${subject} is larger than ${MAX_BODY_BYTES} bytes and would block the outbox`,
    );
  return entry;
}
