import { setTimeout as sleep } from 'node:timers/promises';
import { EVENTS, EVENT_NAMES, eventNameOf, subjectsOf, type CloudEvent, type EventName } from '#contracts';
import { DeliverPolicy, jetstream, type ConsumerMessages } from '@nats-io/jetstream';
import { connect, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

export interface Seen<N extends EventName = EventName> {
  name: N;
  event: CloudEvent<N>;
  /** Milliseconds, by this process's clock. */
  at: number;
}

/** Every event that the services publish, in the order of arrival, as any NATS client can read them. */
export interface Watch {
  readonly all: Seen[];
  of<N extends EventName>(name: N): Seen<N>[];
  /** Resolves with the first event, past or future, that fits; undefined when the time is over. */
  first<N extends EventName>(
    names: N[],
    fits: (seen: Seen<N>) => boolean,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Seen<N> | undefined>;
  onEvent(listener: (seen: Seen) => void): void;
  close(): Promise<void>;
}

const JOB_NAMES = EVENT_NAMES.filter((name) => EVENTS[name].stream === 'JOBS' || EVENTS[name].stream === 'DEPLOYMENTS');

const RETRY_MS = 200;

export async function watchEvents(access: NodeConnectionOptions, clock: () => number): Promise<Watch> {
  const connection: NatsConnection = await connect({
    ...access,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
  });
  const all: Seen[] = [];
  const ids = new Set<string>();
  const listeners = new Set<(seen: Seen) => void>();
  const take = (event: CloudEvent) => {
    const name = eventNameOf(event.type);
    const key = `${event.source}/${event.id}`;
    if (!name || ids.has(key)) return; // a bare copy, or republished after a crash: the same event
    ids.add(key);
    const seen = { name, event, at: clock() } as Seen;
    all.push(seen);
    for (const listener of [...listeners]) listener(seen);
  };
  // Jobs leave their stream when they are done, so they are heard as they pass; everything else is read from the stream's beginning.
  for (const name of JOB_NAMES) {
    connection.subscribe(subjectsOf(name), {
      callback: (error, message) => (error ? undefined : take(message.json<CloudEvent>())),
    });
  }
  let next = 1;
  let messages: ConsumerMessages | undefined;
  const read = async () => {
    messages?.stop();
    const from = { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: next };
    const consumer = await jetstream(connection).consumers.get('EVENTS', from);
    const callback = (message: { seq: number; json<T>(): T }) => {
      next = message.seq + 1;
      take(message.json<CloudEvent>());
    };
    messages = await consumer.consume({ callback });
  };
  const readAgain = async () => {
    while (!connection.isClosed()) {
      try {
        return await read();
      } catch {
        await sleep(RETRY_MS); // the server is not ready yet
      }
    }
  };
  await read();
  // After a crash of the server the consumer would notice by missing heartbeats only, half a minute later.
  void (async () => {
    for await (const { type } of connection.status()) if (type === 'reconnect') await readAgain();
  })();
  const of = <N extends EventName>(name: N) => all.filter((seen): seen is Seen<N> => seen.name === name);
  return {
    all,
    of,
    first(names, fits, timeoutMs, signal) {
      type Found = Seen<(typeof names)[number]>;
      const wanted = (seen: Seen): seen is Found => (names as EventName[]).includes(seen.name) && fits(seen as Found);
      const past = all.find(wanted);
      if (past || signal?.aborted) return Promise.resolve(past);
      return new Promise((resolve) => {
        const settle = (found?: Found) => {
          listeners.delete(listener);
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          resolve(found);
        };
        const listener = (seen: Seen) => {
          if (wanted(seen)) settle(seen);
        };
        const onAbort = () => settle();
        const timer = setTimeout(settle, timeoutMs);
        listeners.add(listener);
        signal?.addEventListener('abort', onAbort);
      });
    },
    onEvent: (listener) => void listeners.add(listener),
    async close() {
      await messages?.close();
      await connection.close();
    },
  };
}
