import type { Redis } from 'ioredis';
import { cloudEvent } from '#contracts';
import { messagesOf, type OutgoingMessage, type RedisOutbox } from '#service-kit';
import { SOURCE } from '../config.js';
import type { Caused } from '../domain/context.js';
import { START, type Position } from '../domain/position.js';
import { isEmpty, type ModelState } from '../domain/state.js';

export const OUTBOX = 'detector:outbox';
const POSITION = 'detector:position';
const LEASE = 'detector:lease';
const STATES = 'detector:states';
/** Long enough for a slow renewal, short enough for a successor to take over soon. */
const LEASE_MS = 4_000;

export interface Commit {
  states: Iterable<ModelState>;
  /** What the states were computed from: nothing is stored if another process has stored more. */
  from: Position;
  /** Messages of the stream up to here have taken effect. */
  to: Position;
  messages: OutgoingMessage[];
}

/** Another process has become the writer, or has written. */
export class NotTheWriterError extends Error {
  override readonly name = 'NotTheWriterError';
}

const RENEW = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`;
const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** States, the position in the stream and the events caused: one transaction, and only for the process that holds the lease. */
export class RedisStates {
  constructor(
    private readonly redis: Redis,
    private readonly outbox: RedisOutbox,
    private readonly replica: string,
  ) {}

  /** Takes or renews the lease; false while another process holds it. */
  async lease(): Promise<boolean> {
    if (await this.redis.set(LEASE, this.replica, 'PX', LEASE_MS, 'NX')) return true;
    return (await this.redis.eval(RENEW, 1, LEASE, this.replica, LEASE_MS)) === 1;
  }

  async release(): Promise<void> {
    await this.redis.eval(RELEASE, 1, LEASE, this.replica);
  }

  async load(): Promise<{ states: Map<string, ModelState>; position: Position }> {
    const [stored, position] = await Promise.all([this.redis.hgetall(STATES), this.redis.get(POSITION)]);
    const states = new Map(Object.entries(stored).map(([key, json]) => [key, JSON.parse(json) as ModelState]));
    return { states, position: position === null ? START : (JSON.parse(position) as Position) };
  }

  async commit({ states, from, to, messages }: Commit): Promise<void> {
    const stored = [...states].map(
      (state) => [`${state.namespace}/${state.model}`, isEmpty(state) ? null : JSON.stringify(state)] as const,
    );
    // A renewal meanwhile only makes it decide again.
    await this.outbox.update([LEASE, POSITION], async (redis) => {
      const [holder, position] = await Promise.all([redis.get(LEASE), redis.get(POSITION)]);
      if (holder !== this.replica) throw new NotTheWriterError('another detector has become the writer');
      if ((position ?? JSON.stringify(START)) !== JSON.stringify(from))
        throw new NotTheWriterError(`another detector has stored ${String(position)} since ${JSON.stringify(from)}`);
      return {
        change: (multi) => {
          multi.set(POSITION, JSON.stringify(to));
          for (const [key, json] of stored) {
            if (json === null) multi.hdel(STATES, key);
            else multi.hset(STATES, key, json);
          }
        },
        messages,
      };
    });
  }
}

export function messagesFor(events: readonly Caused[], time: string): OutgoingMessage[] {
  return events.flatMap(({ name, id, data, correlationId }) => {
    const { namespace, model } = data as { namespace: string; model: string };
    const origin = {
      id,
      source: SOURCE,
      time,
      namespace,
      model,
      ...(correlationId && { correlationid: correlationId }),
    };
    return messagesOf(cloudEvent(name, origin, data));
  });
}
