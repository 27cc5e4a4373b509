import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { sha256 } from '#artifacts';
import {
  cloudEvent,
  EVENTS,
  subjectFor,
  type CloudEvent,
  type DeploymentRequested,
  type EventData,
  type EventName,
} from '#contracts';
import { ModelBuilder } from '#onnx-autodiff';
import { modelRepository, type ModelRepository } from '#serving';
import { startNats, startProgram, startRedis, watchEvents, type NodeProcess, type ThrowAwayServer } from '#testbed';

/** Deployer and predictor as processes between real servers; a plain NATS client plays everybody else. */
export interface World {
  nats: ThrowAwayServer;
  redis: ThrowAwayServer;
  deployer: NodeProcess;
  /** Serves `model` at revision r1, and gives what a request for r2 needs. */
  serve(model: string): Promise<{ repository: ModelRepository; request: DeploymentRequested }>;
  publish<N extends EventName>(name: N, id: string, data: EventData<N>): Promise<void>;
  /** Events of one deployment, in their order. */
  events(deploymentId: string): CloudEvent[];
  /** Calls `reply` for each event of the deployments, once. */
  onEvent(reply: (event: CloudEvent) => void): void;
  /** How many events of this name about this model are stored, over all restarts. */
  stored(name: EventName, model: string): Promise<number>;
  /** Messages in the work queue. */
  waiting(): Promise<number>;
  stop(): Promise<void>;
}

export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error(`did not happen: ${what}`);
    await sleep(30);
  }
}

export async function openWorld(): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'antibody-deployer-'));
  const artifacts = join(folder, 'artifacts');
  await mkdir(artifacts);
  const modelFile = async (name: string, seed: number) => {
    const bytes = new ModelBuilder({ input: [4], seed }).dense(3).build();
    await writeFile(join(artifacts, name), bytes);
    return { uri: pathToFileURL(join(artifacts, name)).href, sha256: sha256(bytes) };
  };
  const [nats, redis] = await Promise.all([startNats({ users: true }), startRedis()]);
  const program = (name: string, script: string, env: Record<string, string>) =>
    startProgram({ name, script, env: { PORT: '0', ...env }, logDir: folder });
  const [predictor, deployer] = await Promise.all([
    program('predictor', 'dist/libs/testbed/predictor/main.js', { STATE_DIR: join(folder, 'predictor') }),
    program('deployer', 'dist/services/deployer/main.js', {
      ...nats.environmentOf('deployer'),
      REDIS_URL: redis.url,
      ARTIFACTS_DIR: artifacts,
      POLL_MS: '50',
    }),
  ]);
  const connection = await connect({ ...nats.as('operator'), maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const js = jetstream(connection);
  const watch = await watchEvents(nats.as('operator'), Date.now);

  return {
    nats,
    redis,
    deployer,
    async serve(model) {
      const repository = modelRepository(predictor.url, model);
      await repository.load('r1', (await modelFile(`${model}-1.onnx`, 1)).uri);
      await eventually('r1 is ready', async () => (await repository.index()).every(({ state }) => state === 'READY'));
      await repository.setTraffic({ r1: 100 });
      const request: DeploymentRequested = {
        namespace: 'ml',
        model,
        deploymentId: `${model}-deployment`,
        defenseId: `${model}-defense`,
        revision: 'r2',
        target: predictor.url,
        modelFile: await modelFile(`${model}-2.onnx`, 2),
        previousRevision: 'r1',
        rollout: { steps: [10, 50, 100], stepSeconds: 0.2, minimumLabelled: 30, timeoutSeconds: 60 },
        minimumAccuracy: 0.8,
      };
      return { repository, request };
    },
    async publish(name, id, data) {
      const { namespace, model } = data as { namespace: string; model: string };
      const origin = { id, source: 'test', time: new Date().toISOString(), namespace, model, correlationid: 'a1' };
      const body = JSON.stringify(cloudEvent(name, origin, data));
      await eventually(`${name} is taken`, () =>
        js.publish(subjectFor(name, { namespace, model }), body, { msgID: id, timeout: 2000 }).then(
          () => true,
          () => false,
        ),
      );
    },
    events: (deploymentId) =>
      watch.all
        .map(({ event }) => event)
        .filter(
          ({ data, source }) => source === 'deployer' && 'deploymentId' in data && data.deploymentId === deploymentId,
        ),
    onEvent: (reply) => watch.onEvent(({ event }) => reply(event)),
    async stored(name, model) {
      const subject = subjectFor(name, { namespace: 'ml', model });
      const { state } = await (
        await jetstreamManager(connection)
      ).streams.info(EVENTS[name].stream, { subjects_filter: subject });
      return state.subjects?.[subject] ?? 0;
    },
    waiting: async () => (await (await jetstreamManager(connection)).streams.info('DEPLOYMENTS')).state.messages,
    async stop() {
      await Promise.all([deployer.kill('SIGTERM'), predictor.kill('SIGTERM'), watch.close(), connection.close()]);
      await Promise.all([nats.stop(), redis.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
