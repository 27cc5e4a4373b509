import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { STREAMS, cloudEvent, intakeLabels, intakeSamples, parseEvent, subjectFor, type BusUser } from '#contracts';
import { startNats, type NatsServer } from '#testbed';

jest.setTimeout(90_000);

const model = { namespace: 'ml', model: 'digits' };
let nats: NatsServer;
let connection: NatsConnection;
let folder: string;
const children: ChildProcess[] = [];

/** With the user's name and password. */
const environmentOf = (user: BusUser) => ({ ...process.env, ...nats.environmentOf(user) });

/** Starts a program; resolves when it prints `ready`. */
function start(
  command: string,
  args: string[],
  { as, ready }: { as: BusUser; ready: string },
): Promise<{ child: ChildProcess; output: () => string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environmentOf(as) });
  children.push(child);
  let text = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes(ready)) resolve({ child, output: () => text });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', (code) => reject(new Error(`${command} ended with ${code}: ${text}`)));
  });
}

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const python = ['python3', 'python'].find((name) => spawnSync(name, ['-c', 'import nats']).status === 0);
const natsCommand = process.env.NATS_COMMAND ?? (spawnSync('nats', ['--version']).status === 0 ? 'nats' : undefined);
const pythonIt = python ? it : it.skip;
const commandIt = natsCommand ? it : it.skip;
if (!python) console.log('Python examples skipped: pip install nats-py');
if (!natsCommand) console.log('command-line examples skipped: install the nats command, or name it in NATS_COMMAND');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'antibody-examples-'));
  nats = await startNats({ users: true });
  connection = await connect(nats.as('operator'));
  const manager = await jetstreamManager(connection);
  for (const { name, subjects, retention } of STREAMS) {
    await manager.streams.add({
      name,
      subjects,
      retention: retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
    });
  }
});

afterAll(async () => {
  children.forEach((child) => child.kill('SIGKILL'));
  await connection?.close();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const attack = () =>
  cloudEvent(
    'attack.detected',
    { id: `a-${Math.random()}`, source: '/test', time: new Date().toISOString(), ...model },
    {
      ...model,
      revision: 'r1',
      anomalyId: 'a1',
      calibration: null,
      decidedAt: new Date().toISOString(),
      statement: 'the change in each request fits this request',
      evidence: [],
      signals: [],
      budget: 1000,
      requests: { sinceAlarm: 57 },
      examples: [],
      severity: 'high',
      atlas: ['AML.T0043'],
    },
  );

async function hearsAttack(command: string, args: string[]): Promise<void> {
  const { output } = await start(command, [...args, nats.url], { as: 'observer', ready: 'listening for attacks' });
  await until(() => {
    connection.publish(subjectFor('attack.detected', model), JSON.stringify(attack()));
    return output().includes('ml/digits (r1): high - the change in each request fits this request');
  });
}

async function publishesSamplesAndLabels(command: string, args: string[]): Promise<void> {
  const heard = { samples: 0, labels: 0, invalid: 0 };
  const subscriptions = [
    ...['accuracy.sample', 'accuracy.sample.>'].map((subject) =>
      connection.subscribe(subject, {
        callback: (_, message) => {
          const { valid, invalid } = intakeSamples(message.json());
          heard.samples += valid.length;
          heard.invalid += invalid.length;
        },
      }),
    ),
    connection.subscribe('label.observed', {
      callback: (_, message) => void (heard.labels += intakeLabels(message.json()).valid.length),
    }),
  ];
  await connection.flush();
  const { status, stderr } = await new Promise<{ status: number | null; stderr: string }>((resolve) => {
    const child = spawn(command, [...args, nats.url], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environmentOf('publisher'),
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('close', (status) => resolve({ status, stderr }));
  });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  await until(() => heard.labels === 1 && heard.samples === 3);
  expect(heard).toEqual({ samples: 3, labels: 1, invalid: 0 });
  subscriptions.forEach((subscription) => subscription.unsubscribe());
}

/** The foreign trainer is killed while it works; started again it does the job, once. */
async function trains(command: string, args: string[], jobId: string): Promise<void> {
  const candidates = join(folder, jobId);
  const source = join(folder, `${jobId}.onnx`);
  writeFileSync(source, 'the model');
  // Stands for a training script: leaves a mark when it starts, and ends when it is told to.
  const script = join(folder, `${jobId}.mjs`);
  writeFileSync(
    script,
    `import { existsSync, writeFileSync } from 'node:fs'; const [from, to] = process.argv.slice(2);
     writeFileSync(to + '.started-' + process.pid, ''); while (!existsSync('${folder}/${jobId}.go')) await new Promise((r) => setTimeout(r, 50));
     writeFileSync(to, 'hardened');`,
  );
  const events: unknown[] = [];
  const subscription = connection.subscribe('training.completed.>', {
    callback: (_, message) => void events.push(message.json()),
  });
  const trainer = () =>
    start(command, [...args, nats.url, candidates, process.execPath, script], {
      as: 'foreign-trainer',
      ready: 'waiting for jobs',
    });
  const first = await trainer();
  const request = cloudEvent(
    'training.requested',
    { id: jobId, source: '/test', time: new Date().toISOString(), ...model },
    {
      ...model,
      jobId,
      defenseId: null,
      modelFile: { uri: pathToFileURL(source).href, sha256: '0'.repeat(64) },
      dataset: {
        uri: 'file:///none',
        sha256: '0'.repeat(64),
        inputs: { dims: [1], classes: 2, range: [0, 1] },
        shares: { training: 0.25, validation: 0.25, calibration: 0.25, certificate: 0.25 },
      },
      threatModel: { norm: 'linf', epsilon: 0.1, steps: 1, restarts: 1 },
      recipe: { name: 'pgd', attackSteps: 1, epochs: 1, batchSize: 1, learningRate: 1, epsilonFactor: 1 },
      timeBudgetSeconds: 1,
      seed: 1,
    },
  );
  await jetstream(connection).publish(subjectFor('training.requested', model), JSON.stringify(request));
  const marks = () => {
    try {
      return readdirSync(candidates).filter((name) => name.includes('.started-')).length;
    } catch {
      return 0;
    }
  };
  await until(() => marks() === 1);
  first.child.kill('SIGKILL');
  await trainer();
  await until(() => marks() === 2);
  writeFileSync(join(folder, `${jobId}.go`), '');
  await until(() => events.length > 0);
  const { data } = parseEvent('training.completed', events[0]);
  expect(data).toMatchObject({ jobId, trainer: 'foreign' });
  expect(readFileSync(new URL(data.candidate.uri), 'utf8')).toBe('hardened');
  const manager = await jetstreamManager(connection);
  let waiting = 1;
  while (waiting) waiting = (await manager.streams.info('JOBS')).state.messages; // until the acknowledgement arrived
  expect(events).toHaveLength(1);
  subscription.unsubscribe();
  children.forEach((child) => child.kill('SIGKILL'));
}

describe('examples in TypeScript', () => {
  it('subscribe', () => hearsAttack(process.execPath, ['dist/examples/subscribe.js']));
  it('publish', () => publishesSamplesAndLabels(process.execPath, ['dist/examples/publish.js']));
  it('a foreign trainer, killed in the middle', () =>
    trains(process.execPath, ['dist/examples/foreign-trainer.js'], 'job-ts'));
});

describe('examples in Python', () => {
  pythonIt('subscribe', () => hearsAttack(python!, ['examples/subscribe.py']));
  pythonIt('publish', () => publishesSamplesAndLabels(python!, ['examples/publish.py']));
  pythonIt('a foreign trainer, killed in the middle', () => trains(python!, ['examples/foreign_trainer.py'], 'job-py'));
});

describe('examples on the command line', () => {
  it('are right as the page has them', () => {
    const page = readFileSync('examples/README.md', 'utf8');
    const commands = [...page.matchAll(/`nats publish (\S+) '([^']+)'`/g)].map(([, subject, body]) => [subject, body]);
    expect(commands.map(([subject]) => subject)).toEqual(['accuracy.sample', 'label.observed']);
    const [sample, label] = commands.map(([, body]) => JSON.parse(body!) as unknown);
    expect(intakeSamples(sample)).toMatchObject({ valid: [sample], invalid: [] });
    expect(intakeLabels(label)).toMatchObject({ valid: [label], invalid: [] });
  });

  commandIt('publish a sample, hear an attack', async () => {
    const seen: unknown[] = [];
    const subscription = connection.subscribe('accuracy.sample', {
      callback: (_, message) => void seen.push(message.json()),
    });
    await connection.flush();
    const sample = '{"model":"fraud","correct":true}';
    const published = spawnSync(natsCommand!, ['-s', nats.url, 'publish', 'accuracy.sample', sample], {
      env: environmentOf('publisher'),
    });
    expect(published.status).toBe(0);
    await until(() => seen.length > 0);
    expect(intakeSamples(seen[0]).valid).toEqual([{ model: 'fraud', correct: true }]);
    subscription.unsubscribe();
    const { output } = await start(natsCommand!, ['-s', nats.url, 'subscribe', 'attack.detected.>'], {
      as: 'observer',
      ready: 'Subscribing',
    });
    await until(() => {
      connection.publish(subjectFor('attack.detected', model), JSON.stringify(attack()));
      return output().includes('dev.antibody.attack.detected.v1');
    });
  });
});
