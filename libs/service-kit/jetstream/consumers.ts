import { AckPolicy, type ConsumerConfig, type JetStreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { ResolvedOptions } from './handler-options.js';

const MAX_UNACKNOWLEDGED = 10_000;

/** One filter only: nats-server 2.9 knows no more. */
const consumerConfig = (options: ResolvedOptions): Partial<ConsumerConfig> => ({
  ...(options.subject !== '>' && { filter_subject: options.subject }),
  ack_wait: nanos(options.ackWaitMs),
  max_deliver: -1, // counted in Delivery
  max_ack_pending: MAX_UNACKNOWLEDGED,
});

/** Creates the durable consumer of a handler, or brings it to what this version of the handler asks for. */
export async function ensureConsumer(manager: JetStreamManager, options: ResolvedOptions): Promise<void> {
  const { stream, durable } = options;
  const wanted = consumerConfig(options);
  try {
    // Does nothing when the same consumer is there. One that differs is an error from nats-server 2.10 on.
    await manager.consumers.add(stream, { ...wanted, durable_name: durable, ack_policy: AckPolicy.Explicit });
  } catch (error) {
    const exists = await manager.consumers.info(stream, durable).catch(() => undefined);
    if (!exists) throw error;
    await manager.consumers.update(stream, durable, wanted);
  }
}
