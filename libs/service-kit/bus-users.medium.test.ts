import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { BUS_USERS, EVENT_NAMES, STREAMS, subjectFor, subjectsFor, subjectsOf, type BusUser } from '#contracts';
import { startNats, type NatsServer } from '#testbed';
import { ensureStream, streamSpec } from './jetstream/streams.js';
import { StreamFollower } from './jetstream/follow.js';
import { JetStreamPublisher } from './jetstream/publisher.js';
import { connectNats } from './nats.js';
import { eventually } from './testing/bench.js';

jest.setTimeout(60_000);
const model = { namespace: 'ml', model: 'digits' };
const LIMITED = BUS_USERS.filter((user) => user !== 'operator');

/** Written down once more, so that a slip in the contracts' table shows. */
const SAYS: Record<string, RegExp> = {
  'metrics-collector': /^(accuracy\.sample|label\.observed|aim\.(sample|label))\b/,
  'anomaly-detector':
    /^(accuracy\.window|anomaly\.(raised|closed)|attack\.(detected|subsided)|drift\.detected|verdict\.undetermined)\b/,
  'defense-orchestrator':
    /^((training|evaluation|calibration|deployment)\.requested|training\.cancel|protection\.updated|defense\.(changed|ended|contained|question))\b/,
  trainer: /^(training\.(progress|completed|failed)|(evaluation|calibration)\.(completed|failed))\b/,
  deployer: /^deployment\.(progressed|completed|failed|rolled-back)\b/,
  publisher: /^(accuracy\.sample|label\.observed)\b/,
  observer: /^$/,
  'foreign-trainer': /^training\.(progress|completed|failed)\b/,
};
/** Durable consumers, what each takes, and who may. */
const TAKES: [stream: string, durable: string, filter: string, users: string[]][] = [
  ['LABELS', 'collector-labels', '', ['metrics-collector']],
  ['EVENTS', 'defense-orchestrator', '', ['defense-orchestrator']],
  ['EVENTS', 'deployer-accuracy-window', '.accuracy.window.>', ['deployer']],
  ['JOBS', 'training', '.training.requested.>', ['trainer', 'foreign-trainer']],
  ['JOBS', 'evaluation', '.evaluation.requested.>', ['trainer']],
  ['JOBS', 'calibration', '.calibration.requested.>', ['trainer']],
  ['DEPLOYMENTS', 'deployer', '.deployment.requested.>', ['deployer']],
];

let nats: NatsServer;
let operator: NatsConnection;
const open: NatsConnection[] = [];
const join = async (user: BusUser) => {
  const connection = await connect(nats.as(user));
  open.push(connection);
  return connection;
};

beforeAll(async () => {
  nats = await startNats({ users: true });
  operator = await join('operator');
  const manager = await jetstreamManager(operator);
  for (const stream of STREAMS) await ensureStream(manager, streamSpec(stream));
});
afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await nats.stop();
});

/** Tells which of the subjects the server does not let the user publish to, or subscribe to. */
async function refusedOf(user: BusUser, verb: 'publish' | 'subscription', subjects: string[]): Promise<string[]> {
  const connection = await connect(nats.as(user));
  const refused = new Set<string>();
  const watching = (async () => {
    for await (const status of connection.status()) {
      if (status.type !== 'error' || !(status.error instanceof PermissionViolationError)) continue;
      if (status.error.operation === verb) refused.add(status.error.subject);
    }
  })();
  for (const subject of subjects) {
    if (verb === 'publish') connection.publish(subject, '{}');
    else connection.subscribe(subject, { callback: () => undefined });
  }
  await connection.flush(); // what the server thinks of all of it has come before this answer
  await connection.close();
  await watching;
  return subjects.filter((subject) => refused.has(subject));
}
const allowedOf = async (...asked: Parameters<typeof refusedOf>) => {
  const refused = await refusedOf(...asked);
  return asked[2].filter((subject) => !refused.includes(subject));
};

describe('the users of the bus', () => {
  it('are known here, each of them', () => {
    expect(Object.keys(SAYS).sort()).toEqual([...LIMITED].sort());
  });

  it.each(LIMITED)('%s says what is its own, and nothing else', async (user) => {
    const subjects = EVENT_NAMES.flatMap((name) => subjectsFor(name, model));
    const wanted = subjects.filter((subject) => SAYS[user]!.test(subject));
    expect(await allowedOf(user, 'publish', subjects)).toEqual(wanted);
  });

  it.each(LIMITED)('%s takes from its own consumers only, and leaves all others alone', async (user) => {
    const rights = ([stream, durable, filter]: (typeof TAKES)[number]) => [
      `$JS.API.CONSUMER.CREATE.${stream}.${durable}${filter}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
      `$JS.ACK.${stream}.${durable}.1.1.1.1.0`,
    ];
    const wanted = TAKES.filter(([, , , users]) => users.includes(user)).flatMap(rights);
    expect(await allowedOf(user, 'publish', TAKES.flatMap(rights))).toEqual(wanted);

    const never = TAKES.flatMap(([stream, durable]) => [
      `$JS.API.CONSUMER.CREATE.${stream}.${durable}.defense.changed.>`, // its own with another filter neither
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${durable}`,
      `$JS.API.CONSUMER.DELETE.${stream}.${durable}`,
      `$JS.API.STREAM.DELETE.${stream}`,
      `$JS.API.STREAM.PURGE.${stream}`,
      `$JS.API.STREAM.MSG.GET.${stream}`,
      `$JS.API.STREAM.MSG.DELETE.${stream}`,
    ]);
    expect(await allowedOf(user, 'publish', never)).toEqual([]);
  });

  it.each(LIMITED)('%s changes no stream unless it keeps them', async (user) => {
    const updates = STREAMS.map(({ name }) => `$JS.API.STREAM.UPDATE.${name}`);
    expect(await allowedOf(user, 'publish', updates)).toEqual(user === 'defense-orchestrator' ? updates : []);
  });

  it.each(LIMITED)('%s hears neither what others are sent nor, unless it observes, what passes', async (user) => {
    const events = EVENT_NAMES.map(subjectsOf);
    expect(await allowedOf(user, 'subscription', events)).toEqual(user === 'observer' ? events : []);
    const others = BUS_USERS.filter((other) => other !== user).map((other) => `_INBOX.${other}.>`);
    expect(await allowedOf(user, 'subscription', ['>', '_INBOX.>', '$JS.>', 'dlq.>', ...others])).toEqual([]);
  });

  it('a service that follows one event of a stream gets no other', async () => {
    const js = jetstream(await join('metrics-collector'));
    await expect(js.consumers.get('EVENTS', { filter_subjects: 'anomaly.raised.>' })).resolves.toBeDefined();
    const refused = /Permissions Violation for Publish to "\$JS\.API\.CONSUMER\.CREATE\.EVENTS\./;
    await expect(js.consumers.get('EVENTS', { filter_subjects: 'defense.question.>' })).rejects.toThrow(refused);
    await expect(js.consumers.get('EVENTS')).rejects.toThrow(refused);
  });

  it('what one says reaches the one who takes it', async () => {
    const [trainer, orchestrator] = [await join('trainer'), await join('defense-orchestrator')];
    const manager = await jetstreamManager(trainer);
    await (await jetstreamManager(operator)).streams.purge('JOBS');
    const filter_subject = 'training.requested.>';
    await manager.consumers.add('JOBS', { durable_name: 'training', filter_subject, ack_policy: 'explicit' });
    await new JetStreamPublisher(orchestrator).publish(subjectFor('training.requested', model), { n: 1 });
    const consumer = await jetstream(await join('foreign-trainer')).consumers.get('JOBS', 'training');
    const message = await consumer.next({ expires: 5_000 });
    expect(message!.json<object>()).toEqual({ n: 1 });
    expect(await message!.ackAck()).toBe(true);
  });

  it('strangers, and wrong passwords, stay outside', async () => {
    await expect(connect({ servers: nats.url })).rejects.toThrow(/authorization/i);
    await expect(connect({ ...nats.as('trainer'), pass: 'guess' })).rejects.toThrow(/authorization/i);
  });
});

describe('a service that is refused something', () => {
  const said: string[] = [];
  beforeAll(() => {
    const hear = (message: unknown) => void said.push(String(message));
    Logger.overrideLogger({ log: () => undefined, warn: () => undefined, error: hear });
  });
  afterAll(() => void Logger.overrideLogger(false));
  const access = (user: BusUser, password?: string) => ({
    url: nats.url,
    user,
    password: password ?? nats.as(user).pass,
  });

  it('fails at once, and says once what the server refused to whom', async () => {
    const connection = await connectNats(access('deployer'), 'deployer');
    open.push(connection);
    const publisher = new JetStreamPublisher(connection);
    const subject = subjectFor('training.completed', model);
    for (let i = 0; i < 3; i++)
      await expect(publisher.publish(subject, {}, { deadlineMs: 600_000 })).rejects.toThrow(subject);
    await eventually(() => said.length > 0);
    expect(said).toEqual([`the NATS user "deployer" may not publish to "${subject}": see docs/bus-users.md`]);
  });

  it('does not wait in silence for events that it may not follow', async () => {
    said.length = 0;
    const connection = await connectNats(access('deployer'), 'deployer');
    open.push(connection);
    const follower = new StreamFollower(connection);
    follower.followLatest({ stream: 'EVENTS', subject: 'anomaly.raised.>' }, () => undefined);
    await eventually(() => said.length > 0);
    await follower.close();
    expect(said[0]).toMatch(
      /^the NATS user "deployer" may not publish to "\$JS\.API\.CONSUMER\.CREATE\.EVENTS\.\S+\.anomaly\.raised\.>": /,
    );
  });

  it('waits for a password that fits, and says so', async () => {
    const service = spawn(process.execPath, ['dist/services/trainer/main.js'], {
      env: { NATS_URL: nats.url, NATS_USER: 'trainer', NATS_PASSWORD: 'guess', ARTIFACTS_DIR: tmpdir() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    service.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    try {
      await eventually(() => output.includes('the server refuses the user \\"trainer\\"'), 30_000);
      expect(output).not.toContain('guess');
      expect(service.exitCode).toBeNull();
    } finally {
      service.kill('SIGKILL');
    }
  });

  it('goes on with a stream that another keeps', async () => {
    const manager = await jetstreamManager(await join('trainer'));
    const events = streamSpec(STREAMS.find(({ name }) => name === 'EVENTS')!);
    await ensureStream(manager, { ...events, max_bytes: 1e6 });
    expect((await manager.streams.info('EVENTS')).config.max_bytes).toBe(events.max_bytes);
  });
});
