import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { stringify } from 'yaml';
import { sha256 } from '#artifacts';
import {
  cloudEvent,
  eventNameOf,
  STREAMS,
  subjectFor,
  type CloudEvent,
  type EventData,
  type EventName,
} from '#contracts';
import { startNats, startRedis } from '#testbed';
import type { IncomingEvent } from '../domain/model.js';
import { policyDocument, trustedNpz } from './events.js';

/** The orchestrator as a process of its own between real servers, and a plain NATS client that plays all other services. */
export interface World {
  readonly url: string;
  readonly model: { uri: string; sha256: string };
  readonly dataset: { uri: string; sha256: string };
  /** Waits for the first event of this name, of all that were ever published, that fits. */
  seen<N extends EventName>(name: N, fits?: (data: EventData<N>) => boolean): Promise<CloudEvent<N>>;
  /** Of those that were read by the last `seen` or `last`. */
  all<N extends EventName>(name: N): EventData<N>[];
  last<N extends EventName>(name: N): Promise<EventData<N>>;
  publishRaw(subject: string, body: unknown): Promise<void>;
  deadLetters(): Promise<{ subject: string; reason: string }[]>;
  /** A JSON file of the artifact store. */
  artifact(name: string): Promise<unknown>;
  publish<N extends IncomingEvent>(name: N, data: EventData<N>): Promise<void>;
  http(method: 'GET' | 'POST', path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }>;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const MAIN = 'dist/services/defense-orchestrator/main.js';
const LIMIT_MS = 40_000;

export interface WorldOptions {
  token?: string;
  /** What is written in place of the policy. */
  change?: (document: ReturnType<typeof policyDocument>) => unknown;
}

export async function openWorld(
  spec: Parameters<typeof policyDocument>[0] = {},
  { token, change = (document) => document }: WorldOptions = {},
): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'antibody-orchestrator-'));
  const [nats, redis] = await Promise.all([startNats({ users: true }), startRedis()]);
  for (const sub of ['policies', 'artifacts']) await mkdir(join(folder, sub));
  const artifact = async (file: string, bytes: Uint8Array) => {
    await writeFile(join(folder, 'artifacts', file), bytes);
    return { uri: pathToFileURL(join(folder, 'artifacts', file)).href, sha256: sha256(bytes) };
  };
  const model = await artifact('model.onnx', Buffer.from('a model'));
  const dataset = await artifact('trusted.npz', trustedNpz());
  const document = policyDocument(spec, { model: model.uri, data: dataset.uri });
  const written = change(document);
  const text = typeof written === 'string' ? written : stringify(written);
  await writeFile(join(folder, 'policies', 'digits.yaml'), text);

  const connection = await connect({ ...nats.as('operator'), maxReconnectAttempts: -1 });
  const js = jetstream(connection);
  const manager = await jetstreamManager(connection);
  for (const { name: stream, subjects, retention } of STREAMS)
    await manager.streams.add({ name: stream, subjects, retention });

  // Nobody takes jobs from the work queues here, so each stream can be read by position.
  const events: CloudEvent[] = [];
  const positions = new Map(['EVENTS', 'JOBS', 'DEPLOYMENTS'].map((stream) => [stream, 0]));
  async function read(): Promise<void> {
    for (const [stream, position] of positions) {
      const { state } = await manager.streams.info(stream);
      for (let seq = position + 1; seq <= state.last_seq; seq++) {
        const message = await manager.streams.getMessage(stream, { seq });
        const isBareCopy = message?.subject.split('.').length === 2;
        if (message && !isBareCopy) events.push(message.json<CloudEvent>());
      }
      positions.set(stream, state.last_seq);
    }
  }

  let child: ChildProcess | undefined;
  let url = '';
  let published = 0;
  const output: string[] = [];

  const all = <N extends EventName>(wanted: N) =>
    events.filter(({ type }) => eventNameOf(type) === wanted) as unknown as CloudEvent<N>[];

  const world: World = {
    get url() {
      return url;
    },
    model,
    dataset,
    async seen(wanted, fits = () => true) {
      for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; await sleep(20)) {
        await read();
        const found = all(wanted).find(({ data }) => fits(data));
        if (found) return found;
      }
      const told = events.map(({ type, data }) => `${type} ${JSON.stringify(data).slice(0, 150)}`);
      throw new Error(`no such ${wanted} came.\n${told.slice(-12).join('\n')}\n${output.slice(-12).join('\n')}`);
    },
    all: (wanted) => all(wanted).map(({ data }) => data),
    async last(wanted) {
      await read();
      return all(wanted).at(-1)!.data;
    },
    async publishRaw(subject, body) {
      await js.publish(subject, JSON.stringify(body));
    },
    async deadLetters() {
      const { state } = await manager.streams.info('DLQ');
      const letters = [];
      for (let seq = 1; seq <= state.last_seq; seq++) {
        const letter = await manager.streams.getMessage('DLQ', { seq });
        if (letter) letters.push({ subject: letter.subject, reason: letter.header.get('X-Dlq-Reason') });
      }
      return letters;
    },
    artifact: async (path) => JSON.parse(await readFile(join(folder, 'artifacts', path), 'utf8')) as unknown,
    async publish(event, data) {
      const id = `test-${++published}`;
      const time = new Date().toISOString();
      const about = { namespace: data.namespace, model: data.model };
      const message = cloudEvent(event, { ...about, id, source: 'test', time }, data);
      await js.publish(subjectFor(event, about), JSON.stringify(message), { msgID: id });
    },
    async http(method, path, body) {
      const response = await fetch(`${url}${path}`, {
        method,
        ...(body && { body: JSON.stringify(body) }),
        headers: {
          ...(body && { 'content-type': 'application/json' }),
          ...(token && { authorization: `Bearer ${token}` }),
        },
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async start() {
      const started = spawn(process.execPath, [MAIN], {
        env: {
          PATH: process.env['PATH'] ?? '',
          ...nats.environmentOf('defense-orchestrator'),
          REDIS_URL: redis.url,
          POLICY_DIR: join(folder, 'policies'),
          ARTIFACTS_DIR: join(folder, 'artifacts'),
          ...(token && { HTTP_TOKEN: token }),
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = started;
      createInterface({ input: started.stderr }).on('line', (line) => output.push(line));
      url = await new Promise<string>((resolve, reject) => {
        started.once('close', () => reject(new Error(output.join('\n'))));
        createInterface({ input: started.stdout }).on('line', (line) => {
          output.push(line);
          const { msg, url: at } = JSON.parse(line) as { msg?: string; url?: string };
          if (msg === 'listening' && at) resolve(at);
        });
      });
    },
    async stop() {
      await world.kill();
      await connection.close();
      await Promise.all([nats.stop(), redis.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  await world.start().catch(async (error: unknown) => {
    await world.stop();
    throw error;
  });
  return world;
}
