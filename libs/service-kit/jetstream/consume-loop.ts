import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@nestjs/common';
import type { ConsumerMessages, JetStreamClient } from '@nats-io/jetstream';
import { messageOf } from '../errors.js';
import type { Delivery } from './delivery.js';
import { batches } from './take-batch.js';

/** A loop that takes messages until it is told to stop. `done` resolves when the last one is settled. */
export interface Loop {
  readonly done: Promise<void>;
  stop(): void;
}

/** What a loop needs from the transport. */
export interface LoopScope {
  js: JetStreamClient;
  logger: Logger;
  /** Brings back lost streams and consumers. */
  restore(): Promise<void>;
}

export const RESTORE_PAUSE_MS = 1_000;
const LINGER_MS = 10;
/** A pull that meets no consumer shows by two missed heartbeats, one in half this time. */
const PULL_MS = 10_000;

/** Pulls for one handler: sequential, so at most one message (or batch) is in work. */
export function startConsumeLoop(delivery: Delivery, scope: LoopScope): Loop {
  let stopping = false;
  let messages: ConsumerMessages | undefined;
  const { stream, durable, batch } = delivery.options;

  async function consume(): Promise<void> {
    const consumer = await scope.js.consumers.get(stream, durable);
    messages = await consumer.consume({ max_messages: batch, expires: PULL_MS, abort_on_missing_resource: true });
    if (stopping) messages.stop();
    const source = batches(messages, LINGER_MS);
    for (let taken = await source.take(batch); taken.length > 0; taken = await source.take(batch)) {
      if (stopping) taken.forEach((message) => message.nak());
      else await delivery.handle(taken);
      // A single message leaves nothing in the buffer to give back, and reading on would pull once more: nats-server 2.9 then
      // loses count of the deliveries.
      if (stopping && batch === 1) return;
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        await consume();
      } catch (error) {
        if (stopping) return;
        scope.logger.warn(`consumer ${durable}: ${messageOf(error)}; restoring`);
      }
      if (stopping) return;
      await sleep(RESTORE_PAUSE_MS);
      await scope.restore().catch((error: unknown) => scope.logger.warn(`consumer ${durable}: ${messageOf(error)}`));
    }
  }

  return {
    done: run(),
    stop() {
      stopping = true;
      messages?.stop();
    },
  };
}
