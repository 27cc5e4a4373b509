import { EVENTS, EVENT_NAMES, subjectsOf, type CloudEvent, type EventName } from '#contracts';
import { connect, type NatsConnection } from '@nats-io/transport-node';

export interface Seen<N extends EventName = EventName> {
  name: N;
  event: CloudEvent<N>;
  /** Milliseconds, by this process's clock. */
  at: number;
}

/** Every event that the services publish, in the order of arrival, from an ordinary NATS subscription. */
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

/** Raw samples are many and bare copies are repeats: neither is of interest here. */
const WATCHED = EVENT_NAMES.filter((name) => EVENTS[name].stream !== 'SAMPLES' && EVENTS[name].stream !== 'LABELS');

export async function watchEvents(url: string, clock: () => number): Promise<Watch> {
  const connection: NatsConnection = await connect({
    servers: url,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
  });
  const all: Seen[] = [];
  const ids = new Set<string>();
  const listeners = new Set<(seen: Seen) => void>();
  const subscribe = (name: EventName) => {
    connection.subscribe(subjectsOf(name), {
      callback: (error, message) => {
        if (error) return;
        const event = message.json<CloudEvent>();
        const key = `${name}/${event.id}`;
        if (ids.has(key)) return; // republished after a crash: the same event
        ids.add(key);
        const seen: Seen = { name, event, at: clock() };
        all.push(seen);
        for (const listener of [...listeners]) listener(seen);
      },
    });
  };
  WATCHED.forEach(subscribe);
  await connection.flush();
  const of = <N extends EventName>(name: N) => all.filter((seen): seen is Seen<N> => seen.name === name);
  return {
    all,
    of,
    first(names, fits, timeoutMs, signal) {
      type Found = Seen<(typeof names)[number]>;
      const wanted = (seen: Seen): seen is Found => (names as EventName[]).includes(seen.name) && fits(seen as Found);
      const past = all.find(wanted);
      if (past) return Promise.resolve(past);
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
    close: () => connection.close(),
  };
}
