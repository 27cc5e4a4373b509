// A trainer that is not ours: takes hardening jobs from the work queue and lets a command of yours do the work, e.g. a PyTorch script.
//   [NATS_USER=foreign-trainer NATS_PASSWORD=...] node dist/examples/foreign-trainer.js nats://127.0.0.1:4222 /shared/candidates python train.py
// The command is run with two more arguments: the model file to harden, and the file to write. Killed in the middle, the job goes
// to another trainer. Which is safe: the first answer to a job counts, and every candidate is judged before it serves anybody.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream';
import { connect, nanos } from '@nats-io/transport-node';

interface Job {
  data: { namespace: string; model: string; jobId: string; defenseId: string | null; modelFile: { uri: string } };
}

const [url = '', folder = '', program = '', ...args] = process.argv.slice(2);
if (!program) throw new Error('usage: foreign-trainer.js NATS_URL FOLDER COMMAND [ARGUMENT ...]');
const { NATS_USER: user, NATS_PASSWORD: pass } = process.env;
// Where the bus has users, jobs and the server's answers reach each under a prefix of its own only.
const nats = await connect({ servers: url, ...(user && { user, pass, inboxPrefix: `_INBOX.${user}` }) });
const stream = jetstream(nats);
mkdirSync(folder, { recursive: true });

const run = (program: string, args: string[]) =>
  new Promise<number>((done) =>
    spawn(program, args, { stdio: 'inherit' })
      .once('close', (code) => done(code ?? 1))
      .once('error', () => done(1)),
  );

async function train(message: JsMsg): Promise<void> {
  const { namespace, model, jobId, defenseId, modelFile } = message.json<Job>().data;
  console.log(`job ${jobId}`);
  const out = join(resolve(folder), `${encodeURIComponent(jobId)}.onnx`);
  const started = Date.now();
  const code = await run(program, [...args, fileURLToPath(modelFile.uri), out]);
  const job = { namespace, model, jobId, defenseId, trainer: 'foreign' };
  const candidate = () => ({
    uri: pathToFileURL(out).href,
    sha256: createHash('sha256').update(readFileSync(out)).digest('hex'),
  });
  const [name, data] =
    code === 0
      ? [
          'training.completed',
          { ...job, candidate: candidate(), report: null, epochs: 0, seconds: (Date.now() - started) / 1000 },
        ]
      : ['training.failed', { ...job, reason: `${program} ended with code ${code}`, cancelled: false }];
  const event = {
    specversion: '1.0',
    id: `${name}/${jobId}`,
    source: '/foreign-trainer',
    type: `dev.antibody.${name}.v1`,
    time: new Date().toISOString(),
    data,
  };
  await stream.publish(`${name}.${namespace}.${model}`, JSON.stringify(event), { msgID: event.id });
  await message.ackAck(); // only now: whoever dies before this has done nothing
  console.log(`${name} ${jobId}`);
}

// Trainers share the durable consumer `training`: each job goes to one of them, as long as it says that it is at work.
const shared = {
  durable_name: 'training',
  filter_subject: 'training.requested.>',
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(10_000),
};
const manager = await jetstreamManager(nats);
await manager.consumers.info('JOBS', 'training').catch(() => manager.consumers.add('JOBS', shared)); // ours may not be there yet
const consumer = await stream.consumers.get('JOBS', 'training');
console.log('waiting for jobs');
for await (const message of await consumer.consume({ max_messages: 1 })) {
  const heartbeat = setInterval(() => message.working(), 3_000);
  await train(message).finally(() => clearInterval(heartbeat));
}
