import type { Logger } from '@nestjs/common';
import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { isObservable, lastValueFrom } from 'rxjs';
import { contextFrom, withContext } from '../context.js';
import { isPermanent, messageOf } from '../errors.js';
import { storeDeadLetter } from './dead-letters.js';
import type { ResolvedOptions } from './handler-options.js';
import { JetStreamContext } from './jetstream-context.js';
import type { TransportMetrics } from './transport-metrics.js';

export type Handler = (data: unknown, context: JetStreamContext) => unknown;

/** Shared by all handlers of one transport. */
export interface DeliveryScope {
  js: JetStreamClient;
  logger: Logger;
  metrics: TransportMetrics;
  /** Aborted when handlers must end now. */
  signal: AbortSignal;
}

interface Accepted {
  message: JsMsg;
  data: unknown;
}

const DEAD_LETTER_RETRY_MS = 5_000;

/** Gives messages to one handler and settles them: acknowledged after the effect, given back, or stored as dead letters. */
export class Delivery {
  constructor(
    readonly options: ResolvedOptions,
    private readonly handler: Handler,
    private readonly scope: DeliveryScope,
  ) {}

  async handle(messages: readonly JsMsg[]): Promise<void> {
    // Only these: what waits in a buffer is given back or expires. A handler may take much longer than the ack wait.
    const heartbeat = setInterval(() => messages.forEach((message) => message.working()), this.options.ackWaitMs / 3);
    try {
      const accepted: Accepted[] = [];
      for (const message of messages) {
        const item = await this.accept(message);
        if (item) accepted.push(item);
      }
      if (accepted.length > 0) await this.run(accepted);
    } finally {
      clearInterval(heartbeat);
    }
  }

  private async accept(message: JsMsg): Promise<Accepted | undefined> {
    // The limit is kept here and not by the server (max_deliver): there a message past its limit stays in a work-queue stream
    // for ever, and nobody is told if the process died during the last try.
    if (message.info.deliveryCount > this.options.maxDeliver) {
      await this.giveUp(message, new Error('delivery limit passed: the process ended during each attempt'));
      return undefined;
    }
    try {
      return { message, data: this.options.parse(message.json()) };
    } catch (error) {
      await this.giveUp(message, error);
      return undefined;
    }
  }

  private async run(accepted: Accepted[]): Promise<void> {
    const end = this.scope.metrics.duration.startTimer({ handler: this.options.durable });
    try {
      await this.callHandler(accepted);
    } catch (error) {
      end();
      return this.settleFailure(accepted, error);
    }
    end();
    // Outside the try: a lost acknowledgement means a redelivery, never a dead letter for work that succeeded.
    await Promise.all(accepted.map(({ message }) => this.acknowledge(message)));
  }

  private async callHandler(accepted: Accepted[]): Promise<void> {
    const first = accepted[0]!;
    const context = new JetStreamContext(
      accepted.map(({ message }) => message),
      this.scope.signal,
    );
    const data = this.options.batch > 1 ? accepted.map((item) => item.data) : first.data;
    // A batch starts a trace of its own: it belongs to no single message.
    const work = contextFrom((name) =>
      accepted.length === 1 ? first.message.headers?.get(name) || undefined : undefined,
    );
    await withContext(work, async () => {
      const result = await this.handler(data, context);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    });
  }

  private async settleFailure(accepted: Accepted[], error: unknown): Promise<void> {
    const isLast = ({ message }: Accepted) => message.info.deliveryCount >= this.options.maxDeliver;
    if (accepted.length > 1 && (isPermanent(error) || accepted.some(isLast))) {
      for (const one of accepted) await this.run([one]); // finds the one to blame; the others pass
      return;
    }
    for (const item of accepted) {
      if (isPermanent(error) || isLast(item)) await this.giveUp(item.message, error);
      else this.retry(item.message, error);
    }
  }

  private retry(message: JsMsg, error: unknown): void {
    const { backoffMs, durable } = this.options;
    const pause = backoffMs[Math.min(message.info.deliveryCount, backoffMs.length) - 1] ?? 0;
    this.scope.metrics.count(durable, 'retried');
    this.scope.logger.warn(`${message.subject} #${message.seq} failed, again in ${pause} ms: ${messageOf(error)}`);
    message.nak(pause);
  }

  private async acknowledge(message: JsMsg): Promise<void> {
    this.scope.metrics.count(this.options.durable, 'acknowledged');
    if (!this.options.confirmAck) message.ack();
    else if (!(await message.ackAck().catch(() => false)))
      this.scope.logger.warn(
        `${message.subject} #${message.seq}: acknowledgement not confirmed, may be delivered again`,
      );
  }

  private async giveUp(message: JsMsg, error: unknown): Promise<void> {
    try {
      await storeDeadLetter(this.scope.js, message, this.options.durable, error);
      // Without a reason: nats-server before 2.10 does not know "+TERM reason" and would deliver again.
      message.term();
      this.scope.metrics.count(this.options.durable, 'dead');
      const tries = message.info.deliveryCount;
      this.scope.logger.error(
        `${message.subject} #${message.seq} to the dead letters at try ${tries}: ${messageOf(error)}`,
      );
    } catch (storing) {
      this.scope.logger.error(`${message.subject} #${message.seq}: dead letter not stored: ${messageOf(storing)}`);
      message.nak(DEAD_LETTER_RETRY_MS);
    }
  }
}
