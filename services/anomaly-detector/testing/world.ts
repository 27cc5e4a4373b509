import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { EVENTS, type EventName } from '#contracts';
import { startNats, startProgram, startRedis, type NodeProcess, type ThrowAwayServer } from '#testbed';

interface Stored {
  subject: string;
  headers: Record<string, string>;
  json: { data: Record<string, unknown> } & Record<string, unknown>;
}

/** The detector as a process between real servers, and a plain NATS client. */
export interface World {
  nats: ThrowAwayServer;
  redis: ThrowAwayServer;
  detector: NodeProcess;
  startAnother(): Promise<NodeProcess>;
  /** Until the server has it; without a message id, so each call is a message of its own. */
  publish(subject: string, body: unknown): Promise<void>;
  /** Messages of a stream under this subject, in their order. */
  stored(stream: string, subject: string): Promise<Stored[]>;
  /** Resolves when that many messages are there, with them. */
  wait(subject: string, count?: number): Promise<Record<string, unknown>[]>;
  models(): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  const limit = Date.now() + 30_000;
  for (;;) {
    // A request that was under way when its server was killed may never end.
    const seen = await Promise.race([look().catch(() => undefined), sleep(5_000, undefined, { ref: false })]);
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > limit) throw new Error(`did not happen: ${what}`);
    await sleep(50);
  }
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'antibody-detector-'));
  const [nats, redis] = await Promise.all([startNats({ users: true }), startRedis()]);
  const processes: NodeProcess[] = [];
  const start = async (name: string) => {
    const env = { ...nats.environmentOf('anomaly-detector'), REDIS_URL: redis.url, ARTIFACTS_DIR: folder, PORT: '0' };
    const script = 'dist/services/anomaly-detector/main.js';
    const running = await startProgram({ name, script, env, logDir: join(folder, 'logs') });
    processes.push(running);
    return running;
  };
  const detector = await start('detector');
  const connection = await connect({ ...nats.as('operator'), maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const manager = await jetstreamManager(connection);

  const stored = async (stream: string, subject: string): Promise<Stored[]> => {
    const { state } = await manager.streams.info(stream);
    const found: Stored[] = [];
    for (let next = state.first_seq; state.messages > 0 && next <= state.last_seq;) {
      const query = { seq: next, next_by_subj: subject }; // the server knows it, the client's type does not
      const message = await manager.streams.getMessage(stream, query);
      if (!message) break;
      const headers = Object.fromEntries([...message.header.keys()].map((key) => [key, message.header.get(key)]));
      found.push({ subject: message.subject, headers, json: message.json() });
      next = message.seq + 1;
    }
    return found;
  };
  return {
    nats,
    redis,
    detector,
    startAnother: () => start('another'),
    async publish(subject, body) {
      await eventually(`${subject} is taken`, async () => {
        await connection.request(subject, JSON.stringify(body), { timeout: 2_000 });
        return true;
      });
    },
    stored,
    wait: (subject, count = 1) =>
      eventually(`${count} x ${subject}`, async () => {
        const messages = await stored(EVENTS[subject.split('.', 2).join('.') as EventName].stream, subject);
        return messages.length >= count && messages.map(({ json }) => json.data);
      }),
    models: async () => (await (await fetch(`${detector.url}/v1/models`)).json()) as Record<string, unknown>[],
    async stop() {
      await connection.close();
      await Promise.all(processes.map((running) => running.kill('SIGTERM')));
      await Promise.all([nats.stop(), redis.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
