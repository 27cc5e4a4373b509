import { AckPolicy, type ConsumerInfo, type JetStreamManager } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { ResolvedOptions } from './handler-options.js';

const MAX_UNACKNOWLEDGED = 10_000;

/** Creates or updates the durable consumer of a handler. One filter only: nats-server 2.9 knows no more. */
export const ensureConsumer = (manager: JetStreamManager, options: ResolvedOptions): Promise<ConsumerInfo> =>
  manager.consumers.add(options.stream, {
    durable_name: options.durable,
    ...(options.subject !== '>' && { filter_subject: options.subject }),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(options.ackWaitMs),
    max_deliver: -1, // counted in Delivery
    max_ack_pending: MAX_UNACKNOWLEDGED,
  });
