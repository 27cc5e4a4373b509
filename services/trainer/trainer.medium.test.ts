import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { artifactStore, pickRows, sha256, writeNpz, type ArtifactStore } from '#artifacts';
import { cloudEvent, subjectFor, type EventData } from '#contracts';
import { ModelBuilder, parseModel } from '#onnx-autodiff';
import { digits, startNats, startProgram, watchEvents, type NodeProcess, type NatsServer, type Watch } from '#testbed';

jest.setTimeout(120_000);

const model = { namespace: 'ml', model: 'digits' };
const inputs = { dims: [1, 28, 28], classes: 10, range: [0, 1] as [number, number] };
const shares = { training: 0.45, validation: 0.1, calibration: 0.25, certificate: 0.2 };
const threatModel = { norm: 'linf' as const, epsilon: 0.1, steps: 5, restarts: 2 };
const recipe = { name: 'pgd' as const, attackSteps: 1, epochs: 4, batchSize: 32, learningRate: 4e-3, epsilonFactor: 1 };

let folder: string;
let nats: NatsServer;
let connection: NatsConnection;
let store: ArtifactStore;
let watch: Watch;
let modelFile: { uri: string; sha256: string };
let dataset: EventData<'training.requested'>['dataset'];
const running: NodeProcess[] = [];

async function trainer(id: string): Promise<NodeProcess> {
  const env = {
    ...nats.environmentOf('trainer'),
    ARTIFACTS_DIR: join(folder, 'artifacts'),
    TRAINER_ID: id,
    THREADS: '1',
    LOG_LEVEL: 'warn',
  };
  const started = await startProgram({
    name: id,
    script: 'dist/services/trainer/main.js',
    env: { ...env, LOG_LEVEL: 'info' },
    logDir: join(folder, 'logs'),
  });
  running.push(started);
  return started;
}

async function request<K extends 'training' | 'evaluation'>(kind: K, jobId: string, data: object): Promise<void> {
  const origin = { id: `${kind}/${jobId}`, source: '/test', time: new Date().toISOString(), ...model };
  const event = cloudEvent(`${kind}.requested`, origin, { ...model, jobId, defenseId: null, ...data } as never);
  await jetstream(connection).publish(subjectFor(`${kind}.requested`, model), JSON.stringify(event));
}

const train = (jobId: string, changes: object = {}) =>
  request('training', jobId, { modelFile, dataset, threatModel, recipe, timeBudgetSeconds: 60, seed: 1, ...changes });

const endOf = (jobId: string) =>
  watch.first(['training.completed', 'training.failed'], ({ event }) => event.data.jobId === jobId, 60_000);
const progressOf = (jobId: string, epoch: number) =>
  watch.first(['training.progress'], ({ event }) => event.data.jobId === jobId && event.data.epoch >= epoch, 60_000);

const checkpoints = () => readdirSync(join(folder, 'artifacts', 'checkpoints'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-trainer-'));
  nats = await startNats({ users: true });
  store = artifactStore({ root: join(folder, 'artifacts') });
  const all = digits();
  const some = pickRows(
    all,
    Array.from({ length: 800 }, (_, i) => i * 12),
  );
  const npz = writeNpz({ x: { shape: [800, 1, 28, 28], data: some.x }, y: { shape: [800], data: some.y } });
  dataset = { ...(await store.write('digits.npz', npz)), inputs, shares };
  const mlp = new ModelBuilder({ input: [1, 28, 28], seed: 3 }).flatten().dense(32).relu().dense(10).build();
  modelFile = await store.write('mlp.onnx', mlp);
  await trainer('first'); // makes the streams
  connection = await connect(nats.as('operator'));
  watch = await watchEvents(nats.as('operator'), () => performance.now());
});

afterAll(async () => {
  await Promise.all(running.map((process) => process.kill('SIGTERM')));
  await watch?.close();
  await connection?.close();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the trainer', () => {
  it('hardens a model: progress, a candidate whose weights alone differ, a report', async () => {
    await train('one');
    const end = await endOf('one');
    expect(end?.name).toBe('training.completed');
    const { candidate, report, epochs } = end!.event.data as EventData<'training.completed'>;
    expect(epochs).toBe(4);
    const bytes = await store.read(candidate.uri);
    expect(sha256(bytes)).toBe(candidate.sha256);
    const before = parseModel(await store.read(modelFile.uri));
    const after = parseModel(bytes);
    expect(after.operations).toEqual(before.operations);
    expect(bytes.length).toBe(before.bytes.length);
    expect(candidate.sha256).not.toBe(modelFile.sha256);
    expect(JSON.parse(readFileSync(fileURLToPath(report!), 'utf8'))).toMatchObject({
      jobId: 'one',
      from: modelFile,
      engine: { name: expect.any(String) },
    });
    expect(watch.of('training.progress').filter(({ event }) => event.data.jobId === 'one').length).toBeGreaterThan(0);
  });

  it('measures candidate and baseline on rows that training never saw', async () => {
    await request('evaluation', 'two', {
      candidate: modelFile,
      baseline: modelFile,
      dataset,
      threatModel,
      epsilons: [0.1],
      seed: 1,
    });
    const end = await watch.first(['evaluation.completed'], ({ event }) => event.data.jobId === 'two', 60_000);
    const { candidate, baseline } = end!.event.data;
    expect(candidate.clean.n).toBeGreaterThan(100);
    expect(candidate).toEqual(baseline);
    expect(candidate.attacks[0]!.pgd.value).toBeLessThanOrEqual(candidate.clean.value);
  });

  it('is killed in the middle, and another trainer ends the job: one training that counts, the same result', async () => {
    const long = { recipe: { ...recipe, epochs: 12 } };
    await train('reference', long);
    const reference = (await endOf('reference'))!.event.data as EventData<'training.completed'>;
    await train('killed', long);
    await progressOf('killed', 4);
    expect(checkpoints()).toContain('killed.ckpt');
    await running[0]!.kill('SIGKILL');
    await running[0]!.restart();
    const end = (await endOf('killed'))!.event.data as EventData<'training.completed'>;
    expect(watch.of('training.completed').filter(({ event }) => event.data.jobId === 'killed')).toHaveLength(1);
    expect(end.candidate.sha256).toBe(reference.candidate.sha256);
  });

  it('gives up a job that names other bytes than there are, saying so', async () => {
    await train('wrong', { modelFile: { ...modelFile, sha256: 'f'.repeat(64) } });
    const end = await endOf('wrong');
    expect(end?.name).toBe('training.failed');
    expect((end!.event.data as EventData<'training.failed'>).reason).toMatch(/SHA-256/);
  });

  it('stops a training that is cancelled', async () => {
    await train('cancelled', { recipe: { ...recipe, epochs: 500 } });
    await progressOf('cancelled', 1);
    const origin = { id: 'cancel', source: '/test', time: new Date().toISOString(), ...model };
    const cancel = cloudEvent('training.cancel', origin, { ...model, jobId: 'cancelled', reason: 'enough' });
    await jetstream(connection).publish(subjectFor('training.cancel', model), JSON.stringify(cancel));
    expect((await endOf('cancelled'))!.event.data).toMatchObject({ reason: 'enough', cancelled: true });
  });

  it('shares the work with a second process', async () => {
    await trainer('second');
    const jobs = ['a', 'b', 'c', 'd'];
    for (const job of jobs) await train(job);
    const ends = await Promise.all(jobs.map(endOf));
    expect(ends.map((end) => end?.name)).toEqual(jobs.map(() => 'training.completed'));
    expect(new Set(ends.map((end) => (end!.event.data as EventData<'training.completed'>).trainer))).toEqual(
      new Set(['first', 'second']),
    );
  });

  it('leaves nothing waiting, and no checkpoints, however the trainings ended', async () => {
    const manager = await jetstreamManager(connection);
    const waiting = async () => (await manager.streams.info('JOBS')).state.messages;
    for (let i = 0; i < 100 && (await waiting()) > 0; i++) await sleep(50);
    expect(await waiting()).toBe(0);
    expect(checkpoints()).toEqual([]);
  });
});
