import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import {
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  type ConsumerMessages,
  type JetStreamClient,
  type JsMsg,
  type OrderedConsumerOptions,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { contextFrom, withContext } from '../context.js';
import { isPermanent, messageOf } from '../errors.js';
import { storeDeadLetter } from './dead-letters.js';
import { JetStreamContext } from './jetstream-context.js';
import { batches } from './take-batch.js';

/** Reading a stream in order without acknowledgements: whoever follows keeps its own position. */
export interface Follower {
  /** Resolves when everything that was in the stream at the start has been handled. */
  readonly ready: Promise<void>;
  /** Ends after the message (or batch) in work. */
  stop(): Promise<void>;
}

export interface FollowOptions<T> {
  stream: string;
  /** Subject filter; the whole stream without it. */
  subject?: string;
  parse?: (json: unknown) => T;
}

export interface FollowStreamOptions<T> extends FollowOptions<T> {
  /** Names the follower in dead letters. */
  name: string;
  /** Sequence of the last message whose effect is stored; 0 = from the beginning. */
  after: number;
  /** The handler gets up to this many messages at once. */
  batch?: number;
}

interface Reading {
  start: () => Partial<OrderedConsumerOptions> | Promise<Partial<OrderedConsumerOptions>>;
  batch: number;
  handle: (messages: JsMsg[]) => Promise<void>;
}

const RESTART_PAUSE_MS = 500;
const LINGER_MS = 10;
const ATTEMPTS = 5;
const RETRY_MS = [100, 1_000, 5_000, 30_000];

export class StreamFollower {
  private readonly logger = new Logger(StreamFollower.name);
  private readonly js: JetStreamClient;
  private readonly abort = new AbortController();
  private readonly followers = new Set<Follower>();

  constructor(private readonly connection: NatsConnection) {
    this.js = jetstream(connection);
  }

  /**
   * The last message of every matching subject first (with `history` all that the stream still has), then all new ones, in every
   * process that follows. After a reconnect they come again. A message that cannot be read or handled is logged and passed over.
   */
  followLatest<T>(
    options: FollowOptions<T> & { subject: string; history?: boolean },
    handler: (data: T, context: JetStreamContext) => unknown,
  ): Follower {
    return this.read(options, {
      start: () => ({ deliver_policy: options.history ? DeliverPolicy.All : DeliverPolicy.LastPerSubject }),
      batch: 1,
      handle: async (messages) => {
        try {
          await this.call(messages, options.parse, ([data], context) => handler(data!, context));
        } catch (error) {
          this.logger.error(`${messages[0]!.subject} #${messages[0]!.seq} passed over: ${messageOf(error)}`);
        }
      },
    });
  }

  /**
   * Every message after a position, in stream order, in batches. The handler stores `context.sequence` together with its
   * effect and starts from there the next time: exactly once, without acknowledgements. A batch that fails is tried again;
   * then its messages one by one, and the one to blame goes to the dead letters.
   */
  followStream<T>(
    options: FollowStreamOptions<T>,
    handler: (data: T[], context: JetStreamContext) => unknown,
  ): Follower {
    let position = options.after;
    const once = (messages: JsMsg[]) => this.call(messages, options.parse, handler);
    const one = async (message: JsMsg): Promise<void> => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once([message]);
        } catch (error) {
          if (this.abort.signal.aborted) throw error;
          if (isPermanent(error) || attempt >= ATTEMPTS) {
            await storeDeadLetter(this.js, message, options.name, error);
            this.logger.error(`${message.subject} #${message.seq} to the dead letters: ${messageOf(error)}`);
            return;
          }
          this.logger.warn(`${message.subject} #${message.seq} failed, again: ${messageOf(error)}`);
          await sleep(RETRY_MS[Math.min(attempt, RETRY_MS.length) - 1], undefined, { signal: this.abort.signal });
        }
      }
    };
    return this.read(options, {
      start: async () => {
        const { state } = await (await jetstreamManager(this.connection)).streams.info(options.stream);
        if (state.last_seq < position) {
          this.logger.error(
            `${options.stream} ends at #${state.last_seq}, before #${position}: it is a new one, read from its start`,
          );
          position = 0;
        }
        return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: position + 1 };
      },
      batch: options.batch ?? 1,
      handle: async (messages) => {
        try {
          await once(messages);
          position = messages[messages.length - 1]!.seq;
        } catch {
          for (const message of messages) {
            await one(message);
            position = message.seq;
          }
        }
      },
    });
  }

  /** Ends all followers: a service that shuts down calls it before it closes what their handlers use. */
  async close(): Promise<void> {
    this.abort.abort();
    await Promise.all([...this.followers].map((follower) => follower.stop()));
  }

  private async call<T>(
    messages: JsMsg[],
    parse: ((json: unknown) => T) | undefined,
    handler: (data: T[], context: JetStreamContext) => unknown,
  ): Promise<void> {
    const data = messages.map((message) => {
      const json = message.json<unknown>();
      return parse ? parse(json) : (json as T);
    });
    const work = contextFrom((name) =>
      messages.length === 1 ? messages[0]!.headers?.get(name) || undefined : undefined,
    );
    await withContext(work, () => handler(data, new JetStreamContext(messages, this.abort.signal)));
  }

  private read(options: { stream: string; subject?: string }, reading: Reading): Follower {
    let current: ConsumerMessages | undefined;
    let stopping = false;
    let markReady!: () => void;
    const ready = new Promise<void>((resolve) => (markReady = resolve));

    const once = async () => {
      const consumer = await this.js.consumers.get(options.stream, {
        ...(await reading.start()),
        ...(options.subject && options.subject !== '>' && { filter_subjects: options.subject }), // a string: 2.9
      });
      let waiting = (await consumer.info(true)).num_pending;
      if (waiting === 0) markReady();
      current = await consumer.consume({ max_messages: Math.max(reading.batch, 64) });
      const source = batches(current, LINGER_MS);
      for (let taken = await source.take(reading.batch); taken.length > 0; taken = await source.take(reading.batch)) {
        if (stopping) return;
        await reading.handle(taken);
        waiting -= taken.length;
        if (waiting <= 0) markReady();
      }
    };
    // What the server sent into a broken connection is lost without acknowledgements: read again from the position.
    const statuses = this.connection.status();
    const watch = (async () => {
      for await (const status of statuses) if (status.type === 'reconnect') current?.stop();
    })();
    const run = async () => {
      while (!stopping && !this.connection.isClosed()) {
        try {
          await once();
        } catch (error) {
          current?.stop();
          if (!stopping)
            this.logger.warn(`${options.stream} ${options.subject ?? '>'}: ${messageOf(error)}; reading again`);
        }
        if (!stopping) await sleep(RESTART_PAUSE_MS);
      }
    };
    const done = run();
    const follower: Follower = {
      ready,
      stop: async () => {
        stopping = true;
        current?.stop();
        (statuses as { stop?: () => void }).stop?.();
        await done;
        this.followers.delete(follower);
      },
    };
    void watch;
    this.followers.add(follower);
    return follower;
  }
}
