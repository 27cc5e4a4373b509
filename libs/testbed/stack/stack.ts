import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import { projectRoot } from '../project-root.js';
import { startNats, type NatsServer } from '../servers/nats.js';
import { startRedis } from '../servers/redis.js';
import type { ThrowAwayServer } from '../servers/throw-away-server.js';
import { startProgram, type NodeProcess } from './node-process.js';

export const SERVICES = [
  'metrics-collector',
  'anomaly-detector',
  'defense-orchestrator',
  'trainer',
  'deployer',
] as const;
export type ServiceName = (typeof SERVICES)[number];

/** The whole system on this machine: real servers, the local predictor and the five services, each its own process. */
export interface Stack {
  nats: NatsServer;
  redis: ThrowAwayServer;
  predictor: NodeProcess;
  services: Record<ServiceName, NodeProcess>;
  /** A second process of a service, beside the first. */
  startAnother(service: ServiceName, env?: Record<string, string>): Promise<NodeProcess>;
  stop(): Promise<void>;
}

export interface StackOptions {
  /** Everything that the run keeps: artifacts, policies, server data, logs. */
  folder: string;
  model: { namespace: string; name: string; revision: string; file: string };
  /** The policy document, once it is known where the predictor listens. */
  policy: (predictorUrl: string) => object;
  onStarted?: (name: string, url: string) => void;
  env?: Partial<Record<ServiceName, Record<string, string>>>;
  /** Gives the start up: it fails then, and nothing is left running. */
  signal?: AbortSignal;
}

const dist = join(projectRoot, 'dist');

export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder, model, onStarted = () => undefined, signal } = options;
  const path = (name: string) => {
    const sub = join(folder, name);
    mkdirSync(sub, { recursive: true });
    return sub;
  };
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    // Services first, so that nobody logs lost connections; the servers last, in the reverse order of their start.
    for (const end of stops.splice(0).reverse()) await end();
  };
  /** Known from its beginning on: where one part fails, or the start is given up, others may still be starting. */
  const starting = <T>(part: Promise<T>, end: (part: T) => Promise<void>): Promise<T> => {
    stops.push(async () => {
      const ready = await part.catch(() => undefined);
      if (ready) await end(ready);
    });
    return part;
  };
  const program = (name: string, script: string, env: Record<string, string>): Promise<NodeProcess> =>
    starting(startProgram({ name, script: join(dist, script), env, logDir: path('logs'), signal }), (process) =>
      process.kill('SIGTERM'),
    );
  try {
    const [nats, redis] = await Promise.all([
      starting(startNats({ storeDir: path('nats'), users: true }), (server) => server.stop()),
      starting(startRedis({ dir: path('redis') }), (server) => server.stop()),
    ]);
    signal?.throwIfAborted();
    onStarted('nats', nats.url);
    onStarted('redis', redis.url);

    const shared = {
      REDIS_URL: redis.url,
      HOST: '127.0.0.1',
      PORT: '0',
      ARTIFACTS_DIR: path('artifacts'),
    };
    const policies = path('policies');
    const service = (name: ServiceName, label: string, env: Record<string, string> = {}) => {
      const own = { ...nats.environmentOf(name), POLICY_DIR: policies, ...options.env?.[name], ...env };
      return program(label, `services/${name}/main.js`, { ...shared, ...own });
    };

    const collector = await service('metrics-collector', 'metrics-collector');
    onStarted('metrics-collector', collector.url);
    const predictor = await program('predictor', 'libs/testbed/predictor/main.js', {
      HOST: '127.0.0.1',
      PORT: '0',
      STATE_DIR: path('predictor'),
      COLLECTOR_URL: collector.url,
      NAMESPACE: model.namespace,
      MODEL: model.name,
      REVISION: model.revision,
      MODEL_URI: pathToFileURL(model.file).href,
    });
    onStarted('predictor', predictor.url);
    writeFileSync(join(policies, `${model.name}.yaml`), stringify(options.policy(predictor.url)));

    const others = SERVICES.filter((name) => name !== 'metrics-collector');
    const rest = await Promise.all(others.map((name) => service(name, name)));
    rest.forEach((process) => onStarted(process.name, process.url));
    const services = Object.fromEntries(
      [collector, ...rest].map((process) => [process.name, process]),
    ) as Stack['services'];
    let copies = 0;
    return {
      nats,
      redis,
      predictor,
      services,
      startAnother: (name, env) => service(name, `${name}-${++copies + 1}`, env),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
