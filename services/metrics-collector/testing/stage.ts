import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { cloudEvent, subjectFor, type EventData, type EventName, type Sample } from '#contracts';
import type { RunningService } from '#service-kit';
import { startNats, startRedis, type NatsServer, type ThrowAwayServer } from '#testbed';
import { configFrom } from '../config.js';
import type { CollectorParts } from '../app.module.js';
import { startCollector } from '../start.js';

export interface StoredMessage {
  subject: string;
  messageId: string;
  json: unknown;
}

/** Real NATS and Redis, and as many collectors in this process as a test asks for. */
export class Stage {
  private readonly services: RunningService[] = [];
  private events = 0;

  private constructor(
    readonly nats: NatsServer,
    readonly redis: ThrowAwayServer,
    readonly connection: NatsConnection,
  ) {}

  static async open(): Promise<Stage> {
    const [nats, redis] = await Promise.all([startNats({ users: true }), startRedis()]);
    return new Stage(nats, redis, await connect(nats.as('operator')));
  }

  async collector(examiner: CollectorParts['examiner'], environment: Record<string, string> = {}): Promise<string> {
    const config = configFrom({
      ...this.nats.environmentOf('metrics-collector'),
      REDIS_URL: this.redis.url,
      ARTIFACTS_DIR: '.',
      LOG_LEVEL: 'silent',
      ...environment,
    });
    const replica = `replica${this.services.length + 1}`;
    const service = await startCollector({ config, replica, examiner, random: () => 0.5 }, false);
    this.services.push(service);
    return service.url;
  }

  async publish<N extends EventName>(
    name: N,
    data: EventData<N> & { namespace: string; model: string },
  ): Promise<void> {
    const origin = { id: `test-${++this.events}`, source: 'test', time: new Date().toISOString(), ...data };
    const { namespace, model } = origin;
    const event = cloudEvent(name, { id: origin.id, source: 'test', time: origin.time, namespace, model }, data);
    await jetstream(this.connection).publish(subjectFor(name, data), JSON.stringify(event));
  }

  /** Everything that the stream holds, in its order. */
  async stored(stream: string): Promise<StoredMessage[]> {
    const { messages, last_seq: last } = (await (await jetstreamManager(this.connection)).streams.info(stream)).state;
    if (messages === 0) return [];
    const consumer = await jetstream(this.connection).consumers.get(stream);
    const found: StoredMessage[] = [];
    for await (const message of await consumer.consume()) {
      found.push({
        subject: message.subject,
        messageId: message.headers?.get('Nats-Msg-Id') ?? '',
        json: message.json<unknown>(),
      });
      if (message.seq >= last) break;
    }
    return found;
  }

  /** Data of the events of one kind about one model. */
  async dataOf<N extends EventName>(name: N, model: string): Promise<EventData<N>[]> {
    const stored = await this.stored(name === 'label.observed' ? 'LABELS' : 'SAMPLES');
    return stored
      .filter(({ subject }) => subject === subjectFor(name, { namespace: 'ml', model }))
      .map(({ json }) => (json as { data: EventData<N> }).data);
  }

  async samples(model: string): Promise<Sample[]> {
    const batches = await this.dataOf('accuracy.sample', model);
    return batches.flatMap(({ samples }) => samples as Sample[]);
  }

  async close(): Promise<void> {
    for (const service of this.services) await service.close();
    await this.connection.close();
    await Promise.all([this.nats.stop(), this.redis.stop()]);
  }
}

/** Waits until `read` gives something that `enough` likes, and gives that; the last one when it never comes. */
export async function eventually<T>(read: () => Promise<T>, enough: (value: T) => boolean): Promise<T> {
  let value = await read();
  for (let i = 0; i < 200 && !enough(value); i++) {
    await sleep(50);
    value = await read();
  }
  return value;
}
