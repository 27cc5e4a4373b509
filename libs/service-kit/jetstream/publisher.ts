import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, type JetStreamClient, type PubAck } from '@nats-io/jetstream';
import { headers, nuid, type NatsConnection } from '@nats-io/transport-node';
import { contextHeaders } from '../context.js';
import { isRefusal } from '../nats.js';

export interface PublishOptions {
  /** Duplicate key: the stream keeps the first message under it. */
  messageId?: string;
  /** Give up (reject) when no acknowledgement came within it. */
  deadlineMs?: number;
  headers?: Record<string, string>;
}

const ATTEMPT_MS = 2_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/**
 * At-least-once publishing that the stream makes exactly-once: the client keeps no buffer over a reconnect, so each publish is
 * repeated under one message id until it is acknowledged. What the user may not publish fails at once.
 */
export class JetStreamPublisher {
  private readonly js: JetStreamClient;

  constructor(private readonly connection: NatsConnection) {
    this.js = jetstream(connection);
  }

  async publish(subject: string, data: unknown, options: PublishOptions = {}): Promise<PubAck> {
    const body = JSON.stringify(data);
    const msgID = options.messageId ?? nuid.next();
    const carried = headers();
    for (const [key, value] of Object.entries(options.headers ?? contextHeaders())) carried.set(key, value);
    const deadline = Date.now() + (options.deadlineMs ?? 30_000);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      try {
        return await this.js.publish(subject, body, { msgID, timeout: ATTEMPT_MS, headers: carried });
      } catch (error) {
        if (this.connection.isClosed() || isRefusal(error) || Date.now() + pause > deadline) throw error;
        await sleep(pause);
      }
    }
  }
}
