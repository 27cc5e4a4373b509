import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Registry } from 'prom-client';
import { messageOf } from '../errors.js';
import { startConsumeLoop, type Loop, type LoopScope } from './consume-loop.js';
import { ensureConsumer } from './consumers.js';
import { JETSTREAM } from './decorators.js';
import { Delivery, type DeliveryScope, type Handler } from './delivery.js';
import { startExclusiveLoop } from './exclusive-loop.js';
import type { StreamFollower } from './follow.js';
import { resolveOptions, type HandlerExtras, type LatestOptions } from './handler-options.js';
import { deadLetterStream, ensureStream, type StreamSpec } from './streams.js';
import { transportMetrics } from './transport-metrics.js';

export interface JetStreamServerOptions {
  connection: NatsConnection;
  follower: StreamFollower;
  registry: Registry;
  streams: StreamSpec[];
  drainTimeoutMs?: number;
}

interface Registration {
  subject: string;
  handler: Handler;
  extras: HandlerExtras;
}

const RETRY_MS = 1_000;
const GRACE_MS = 1_000;

/** Nest transport over JetStream: finds the decorated handlers, keeps their streams and consumers, and runs their loops. */
export class JetStreamServer extends Server implements CustomTransportStrategy {
  override readonly transportId = JETSTREAM;
  override readonly propagatesEventHandlerErrors = true;
  protected override readonly logger = new Logger(JetStreamServer.name);
  private readonly registrations: Registration[] = [];
  private readonly loops: Loop[] = [];
  private readonly abort = new AbortController();
  private readonly streams: StreamSpec[];
  private stopping = false;
  private running = false;

  constructor(private readonly options: JetStreamServerOptions) {
    super();
    this.streams = [...options.streams, deadLetterStream];
  }

  /** Nest chains the event handlers of one pattern and would call them together; here each has a consumer of its own. */
  override addHandler(pattern: unknown, callback: MessageHandler, _isEvent?: boolean, extras?: object): void {
    this.registrations.push({
      subject: String(pattern),
      handler: callback,
      extras: extras as HandlerExtras,
    });
  }

  /** True once every handler takes messages. */
  get isRunning(): boolean {
    return this.running && !this.stopping;
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      const { connection } = this.options;
      const js = jetstream(connection);
      const deliveryScope: DeliveryScope = {
        js,
        logger: this.logger,
        metrics: transportMetrics(this.options.registry),
        signal: this.abort.signal,
      };
      const deliveries = this.registrations.flatMap(({ subject, handler, extras }) =>
        extras.kind === 'durable' ? [new Delivery(resolveOptions(subject, extras), handler, deliveryScope)] : [],
      );
      const loopScope: LoopScope = { js, logger: this.logger, restore: () => this.ensureTopology(deliveries) };
      await this.untilItWorks(() => this.ensureTopology(deliveries));
      if (!this.stopping) await this.followLatest(); // no work is taken before the broadcast state is known
      if (!this.stopping) this.startLoops(deliveries, loopScope);
      this.running = true;
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Stops pulling, gives back what has not begun, waits for what has. */
  async close(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    for (const loop of this.loops) loop.stop();
    const done = Promise.all(this.loops.map((loop) => loop.done)).then(() => true);
    const within = (ms: number) => Promise.race([done, sleep(ms, false, { ref: false })]);
    if (!(await within(this.options.drainTimeoutMs ?? 10_000))) {
      // Handlers see context.signal. The message of one that ignores it is delivered again after its ack wait.
      this.abort.abort(new Error('shutting down'));
      await within(GRACE_MS);
    }
    await this.options.follower.close();
    // Acknowledgements are fire-and-forget: make sure that the server has them.
    await Promise.race([this.options.connection.flush(), sleep(GRACE_MS, undefined, { ref: false })]).catch(
      () => undefined,
    );
  }

  on(): never {
    throw new Error('JetStreamServer emits no events of its own: watch the NATS connection');
  }

  unwrap<T = NatsConnection>(): T {
    return this.options.connection as T;
  }

  private async ensureTopology(deliveries: Delivery[]): Promise<void> {
    const manager: JetStreamManager = await jetstreamManager(this.options.connection);
    for (const stream of this.streams) await ensureStream(manager, stream);
    for (const { options } of deliveries) await ensureConsumer(manager, options);
  }

  private async followLatest(): Promise<void> {
    const followers = this.registrations.flatMap(({ subject, handler, extras }) =>
      extras.kind === 'latest'
        ? [this.options.follower.followLatest({ ...(extras as LatestOptions), subject }, handler)]
        : [],
    );
    await Promise.all(followers.map((follower) => follower.ready));
  }

  private startLoops(deliveries: Delivery[], scope: LoopScope): void {
    const exclusive = new Map<string, Delivery[]>();
    for (const delivery of deliveries) {
      const { exclusive: key, concurrency } = delivery.options;
      if (key) exclusive.set(key, [...(exclusive.get(key) ?? []), delivery]);
      else for (let i = 0; i < concurrency; i++) this.loops.push(startConsumeLoop(delivery, scope));
    }
    for (const group of exclusive.values()) this.loops.push(startExclusiveLoop(group, scope));
  }

  /** The server may still be starting, or restarting. */
  private async untilItWorks(action: () => Promise<void>): Promise<void> {
    while (!this.stopping) {
      try {
        return await action();
      } catch (error) {
        this.logger.warn(`JetStream is not ready: ${messageOf(error)}`);
        await sleep(RETRY_MS);
      }
    }
  }
}
