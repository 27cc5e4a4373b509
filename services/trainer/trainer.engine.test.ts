import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { artifactStore, pickRows, writeNpz } from '#artifacts';
import { cloudEvent, type EventData, subjectFor } from '#contracts';
import { ModelBuilder, parseModel } from '#onnx-autodiff';
import { digits, type NatsServer, type NodeProcess, startNats, startProgram, type Watch, watchEvents } from '#testbed';

jest.setTimeout(300_000);

const model = { namespace: 'ml', model: 'digits' };
let folder: string;
let nats: NatsServer;
let connection: NatsConnection;
let trainer: NodeProcess;
let watch: Watch;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-trainer-engine-'));
  nats = await startNats({ users: true });
  trainer = await startProgram({
    name: 'trainer',
    script: 'dist/services/trainer/main.js',
    env: {
      ...nats.environmentOf('trainer'),
      ARTIFACTS_DIR: join(folder, 'artifacts'),
      ENGINE: 'tensorflow',
      LOG_LEVEL: 'info',
    },
    logDir: join(folder, 'logs'),
  });
  connection = await connect(nats.as('operator'));
  watch = await watchEvents(nats.as('operator'), () => performance.now());
});

afterAll(async () => {
  await trainer?.kill('SIGTERM');
  await watch?.close();
  await connection?.close();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a trainer told to use TensorFlow trains on it, and the report says so', async () => {
  const store = artifactStore({ root: join(folder, 'artifacts') });
  const count = 600;
  const some = pickRows(
    digits(),
    Array.from({ length: count }, (_, i) => i * 16),
  );
  const npz = writeNpz({ x: { shape: [count, 1, 28, 28], data: some.x }, y: { shape: [count], data: some.y } });
  const net = new ModelBuilder({ input: [1, 28, 28], seed: 3 }).convolution(4, { kernel: 5, stride: 2 }).relu();
  const modelFile = await store.write('cnn.onnx', net.flatten().dense(10).build());
  const request: EventData<'training.requested'> = {
    ...{ ...model, jobId: 'native', defenseId: null, modelFile, seed: 1, timeBudgetSeconds: 240 },
    dataset: {
      ...(await store.write('digits.npz', npz)),
      inputs: { dims: [1, 28, 28], classes: 10, range: [0, 1] },
      shares: { training: 0.4, validation: 0.15, calibration: 0.25, certificate: 0.2 },
    },
    threatModel: { norm: 'linf', epsilon: 0.1, steps: 5, restarts: 2 },
    recipe: { name: 'pgd', attackSteps: 1, epochs: 2, batchSize: 32, learningRate: 4e-3, epsilonFactor: 1 },
  };
  const origin = { id: 'training/native', source: '/test', time: new Date().toISOString(), ...model };
  const event = cloudEvent('training.requested', origin, request);
  await jetstream(connection).publish(subjectFor('training.requested', model), JSON.stringify(event));

  const end = await watch.first(['training.completed', 'training.failed'], () => true, 240_000);
  expect(end).toMatchObject({ name: 'training.completed' });
  const { candidate, report } = end!.event.data as EventData<'training.completed'>;
  expect(JSON.parse(readFileSync(fileURLToPath(report!), 'utf8'))).toMatchObject({
    engine: { name: expect.stringMatching(/^tensorflow-(cpu|gpu)$/), why: 'asked for' },
    memory: { rowsAtOnce: 32, split: null },
  });
  const [before, after] = [modelFile, candidate].map(({ uri }) => parseModel(readFileSync(fileURLToPath(uri))));
  expect(after!.parameters.map(({ data }) => data)).not.toEqual(before!.parameters.map(({ data }) => data));
});
