import { Module, type Type } from '@nestjs/common';
import {
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { startNats, type ThrowAwayServer } from '#testbed';
import { startService, type RunningService, type ServiceOptions } from '../start-service.js';
import { streamSpec, type StreamSpec } from '../jetstream/streams.js';

export const TEST_STREAMS: StreamSpec[] = [
  { ...streamSpec({ name: 'JOBS', subjects: ['job.>'], retention: 'workqueue', maxBytes: 1e7 }) },
  { ...streamSpec({ name: 'EVENTS', subjects: ['log.>', 'state.>'], retention: 'limits', maxBytes: 1e7 }) },
];

/** A NATS server, a plain client beside it, and services made of single controllers; all of it ends with `close`. */
export interface Bench {
  nats: ThrowAwayServer;
  connection: NatsConnection;
  js: JetStreamClient;
  manager: JetStreamManager;
  start(controllers: Type[], options?: Partial<ServiceOptions>): Promise<RunningService>;
  /** Messages stored on the server by now. */
  stored(stream: string): Promise<number>;
  deadLetters(): Promise<{ subject: string; reason: string; attempts: string; body: string }[]>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const nats = await startNats();
  const connection = await connect({ servers: nats.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const manager = await jetstreamManager(connection);
  for (const stream of TEST_STREAMS)
    await manager.streams.add({ ...stream, retention: stream.retention ?? RetentionPolicy.Limits });
  const services: RunningService[] = [];
  return {
    nats,
    connection,
    js: jetstream(connection),
    manager,
    async start(controllers, options) {
      @Module({ controllers })
      class TestModule {}
      const service = await startService(TestModule, {
        name: 'test',
        natsUrl: nats.url,
        streams: TEST_STREAMS,
        logLevel: process.env['TEST_LOG'] ?? 'silent',
        handleSignals: false,
        ...options,
      });
      services.push(service);
      return service;
    },
    stored: async (stream) => (await manager.streams.info(stream)).state.messages,
    async deadLetters() {
      const { state } = await manager.streams.info('DLQ');
      const letters = [];
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
        const message = await manager.streams.getMessage('DLQ', { seq });
        if (!message) continue;
        letters.push({
          subject: message.subject,
          reason: message.header.get('X-Dlq-Reason'),
          attempts: message.header.get('X-Dlq-Attempts'),
          body: message.string(),
        });
      }
      return letters;
    },
    async close() {
      await Promise.all(services.map((service) => service.close()));
      await connection.close();
      await nats.stop();
    },
  };
}

/** Waits for something that other processes bring about. */
export async function eventually(condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`did not happen within ${limitMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
