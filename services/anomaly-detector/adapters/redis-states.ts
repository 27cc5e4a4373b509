import type { Redis } from 'ioredis';
import { cloudEvent } from '#contracts';
import { messagesOf, type OutgoingMessage, type RedisOutbox } from '#service-kit';
import { SOURCE } from '../config.js';
import type { Caused } from '../domain/context.js';
import type { ModelState } from '../domain/state.js';

export const OUTBOX = 'detector:outbox';
const LAST = 'detector:last-sequence';
const LEASE = 'detector:lease';
const MODELS = 'detector:models';
const LEASE_MS = 10_000;

export interface Commit {
  states: Iterable<ModelState>;
  /** Messages of the stream up to here have taken effect. */
  lastSequence: number;
  messages: OutgoingMessage[];
}

/** Another process has become the writer. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** States, the last sequence applied and the events caused: one transaction, and only for the process that holds the lease. */
export class RedisStates {
  constructor(
    private readonly redis: Redis,
    private readonly outbox: RedisOutbox,
    private readonly replica: string,
  ) {}

  /** Takes or renews the lease; false while another process holds it. */
  async lease(): Promise<boolean> {
    const taken = await this.redis.set(LEASE, this.replica, 'PX', LEASE_MS, 'NX');
    if (taken) return true;
    if ((await this.redis.get(LEASE)) !== this.replica) return false;
    return (await this.redis.pexpire(LEASE, LEASE_MS)) === 1;
  }

  async release(): Promise<void> {
    if ((await this.redis.get(LEASE)) === this.replica) await this.redis.del(LEASE);
  }

  async load(): Promise<{ states: Map<string, ModelState>; lastSequence: number }> {
    const [stored, last] = await Promise.all([this.redis.hgetall(MODELS), this.redis.get(LAST)]);
    const states = new Map(Object.entries(stored).map(([key, json]) => [key, JSON.parse(json) as ModelState]));
    return { states, lastSequence: Number(last ?? 0) };
  }

  async commit({ states, lastSequence, messages }: Commit): Promise<void> {
    const stored = [...states].map((state) => [`${state.namespace}/${state.model}`, JSON.stringify(state)] as const);
    await this.outbox.update([], async (redis) => {
      if ((await redis.get(LEASE)) !== this.replica) throw new LeaseLostError('another detector has become the writer');
      return {
        change: (multi) => {
          multi.set(LAST, String(lastSequence));
          for (const [key, json] of stored) multi.hset(MODELS, key, json);
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
