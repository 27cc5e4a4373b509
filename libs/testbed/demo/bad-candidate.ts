import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cloudEvent, parseEvent, subjectFor } from '#contracts';
import { parseModel, patchWeights } from '#onnx-autodiff';
import { modelRepository } from '#serving';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { runAttack } from './attack.js';
import type { DemoResult } from './result.js';
import { MODEL, type Run } from './scenario.js';

/** A trainer that delivers rubbish: the model's weights in reverse order. Ends when its connection is closed. */
async function badTrainer({ stack, prepared, folder }: Run): Promise<{ stop(): Promise<void> }> {
  const connection = await connect({ ...stack.nats.as('foreign-trainer'), maxReconnectAttempts: -1 });
  const stream = jetstream(connection);
  const consumer = await ensuredConsumer(connection);
  const model = parseModel(readFileSync(prepared.modelFile));
  const rubbish = patchWeights(
    model,
    new Map(model.parameters.map(({ name, data }) => [name, data.slice().reverse()])),
  );
  const file = join(folder, 'artifacts/models/bad-candidate.onnx');
  writeFileSync(file, rubbish);
  const candidate = { uri: pathToFileURL(file).href, sha256: createHash('sha256').update(rubbish).digest('hex') };
  const messages = await consumer.consume({ max_messages: 1 });
  const work = (async () => {
    for await (const message of messages) {
      const { data } = parseEvent('training.requested', message.json());
      const { namespace, model: name, jobId, defenseId } = data;
      const origin = {
        id: `training.completed/${jobId}`,
        source: '/bad-trainer',
        time: new Date().toISOString(),
        namespace,
        model: name,
      };
      const done = {
        namespace,
        model: name,
        jobId,
        defenseId,
        trainer: 'bad-trainer',
        candidate,
        report: null,
        epochs: 0,
        seconds: 0,
      };
      const event = cloudEvent('training.completed', origin, done);
      await stream.publish(subjectFor('training.completed', data), JSON.stringify(event), { msgID: event.id });
      await message.ackAck();
    }
  })();
  return {
    async stop() {
      await messages.close();
      await work;
      await connection.close();
    },
  };
}

async function ensuredConsumer(connection: Awaited<ReturnType<typeof connect>>) {
  const manager = await jetstreamManager(connection);
  await manager.consumers.add('JOBS', {
    durable_name: 'training',
    filter_subject: 'training.requested.>',
    ack_policy: AckPolicy.Explicit,
    max_deliver: -1,
  });
  return jetstream(connection).consumers.get('JOBS', 'training');
}

/** The training delivers a bad model. The gate or the canary has to stop it, and the old model has to stay. */
export async function runBadCandidate(run: Run): Promise<DemoResult> {
  const trainer = await badTrainer(run);
  try {
    const result = await runAttack(run);
    const traffic = await modelRepository(run.stack.predictor.url, MODEL.name).traffic();
    const oldServes = traffic[MODEL.revision] === 100;
    const stopped = result.outcome === 'rejected' || result.outcome === 'rolled-back';
    return {
      ...result,
      ok: stopped && oldServes,
      explanation: `${result.explanation} ${oldServes ? 'The old model serves all traffic.' : `Traffic: ${JSON.stringify(traffic)}.`}`,
    };
  } finally {
    await trainer.stop();
  }
}
