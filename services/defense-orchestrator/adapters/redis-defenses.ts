import type { ChainableCommander, Redis } from 'ioredis';
import { cloudEvent, type EventName } from '#contracts';
import { messagesOf, type OutgoingMessage, type RedisOutbox } from '#service-kit';
import { SOURCE } from '../config.js';
import type { Defense } from '../domain/defense.js';
import type { ModelState, Outgoing } from '../domain/model.js';
import type { Step } from '../domain/step.js';

export interface ModelName {
  namespace: string;
  model: string;
}

const modelKey = ({ namespace, model }: ModelName) => `defense:model:${namespace}:${model}`;
const recordKey = (defenseId: string) => `defense:record:${defenseId}`;
/** Ids of all defenses, by the time of their opening. */
const INDEX = 'defense:index';
const PAGE = 100;
export const OUTBOX = 'defense:outbox';

/** State of the models and records of the defenses, in Redis. Whoever stores second looks and decides again. */
export class RedisDefenses {
  constructor(
    private readonly redis: Redis,
    private readonly outbox: RedisOutbox,
  ) {}

  async model(name: ModelName): Promise<ModelState | null> {
    return parsed<ModelState>(await this.redis.get(modelKey(name)));
  }

  async defense(defenseId: string): Promise<Defense | null> {
    return parsed<Defense>(await this.redis.get(recordKey(defenseId)));
  }

  /** Newest first, page by page until enough fit. */
  async newest(limit: number, fits: (defense: Defense) => boolean): Promise<Defense[]> {
    const found: Defense[] = [];
    for (let from = 0; found.length < limit; from += PAGE) {
      const ids = await this.redis.zrange(INDEX, String(from), String(from + PAGE - 1), 'REV');
      if (ids.length === 0) break;
      const records = await this.redis.mget(ids.map(recordKey));
      found.push(
        ...records
          .map((one) => parsed<Defense>(one))
          .filter((one) => one !== null)
          .filter(fits),
      );
    }
    return found.slice(0, limit);
  }

  /** Stores a step and the events that it causes in one transaction. A step that changes nothing stores nothing. */
  async take(
    name: ModelName,
    now: string,
    decide: (state: ModelState | null) => Promise<Step>,
  ): Promise<ModelState | null> {
    const key = modelKey(name);
    let stored: ModelState | null = null;
    await this.outbox.update([key], async (redis) => {
      const before = await redis.get(key);
      const { model, suppressed, events } = await decide(parsed<ModelState>(before));
      stored = model;
      const after = JSON.stringify(model);
      if (after === before && events.length === 0) return {};
      return {
        messages: events.flatMap((event) => outgoing(event, name, now)),
        change: (multi) => {
          multi.set(key, after);
          for (const defense of [...suppressed, model.defense]) if (defense) record(multi, defense);
        },
      };
    });
    return stored;
  }
}

function record(multi: ChainableCommander, defense: Defense): void {
  multi.set(recordKey(defense.defenseId), JSON.stringify(defense));
  multi.zadd(INDEX, Date.parse(defense.openedAt), defense.defenseId);
}

function outgoing({ name, id, correlationId, data }: Outgoing, about: ModelName, now: string): OutgoingMessage[] {
  const origin = { ...about, id, source: SOURCE, time: now, ...(correlationId && { correlationid: correlationId }) };
  return messagesOf(cloudEvent<EventName>(name, origin, data));
}

const parsed = <T>(json: string | null): T | null => (json === null ? null : (JSON.parse(json) as T));
