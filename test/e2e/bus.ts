import { eventNameOf, type CloudEvent, type EventData, type EventName } from '#contracts';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';

/** An event as the bus has stored it. */
export interface Stored<N extends EventName = EventName> {
  name: N;
  data: EventData<N>;
  /** When the bus took it, by its own clock: milliseconds since 1970. */
  at: number;
}

/** What the bus has kept, read by a client that was not there when it happened. */
export interface BusRecord {
  /** In the bus's order. */
  events: Stored[];
  /** Data of every stored event of this name. */
  stored: <N extends EventName>(name: N) => EventData<N>[];
  /** Subject and id of events that are stored more than once. */
  repeated: string[];
  /** Messages that a stream has ever taken, and those that it still holds. */
  streams: Record<string, { taken: number; held: number }>;
}

export async function readBus(access: NodeConnectionOptions): Promise<BusRecord> {
  const connection = await connect(access);
  try {
    const manager = await jetstreamManager(connection);
    const streams: BusRecord['streams'] = {};
    for await (const { config, state } of manager.streams.list())
      streams[config.name] = { taken: state.last_seq, held: state.messages };

    const messages: { subject: string; event: CloudEvent; at: number }[] = [];
    const consumer = await jetstream(connection).consumers.get('EVENTS');
    if ((await consumer.info()).num_pending > 0) {
      for await (const message of await consumer.consume()) {
        const { subject, info } = message;
        messages.push({ subject, event: message.json<CloudEvent>(), at: Math.floor(info.timestampNanos / 1e6) });
        if (info.pending === 0) break;
      }
    }
    const keys = messages.map(({ subject, event }) => `${subject} ${event.id}`);
    const events = messages.flatMap(({ subject, event, at }) => {
      const name = eventNameOf(event.type);
      const isBareCopy = name === subject;
      return name && !isBareCopy ? [{ name, data: event.data, at }] : [];
    });
    return {
      streams,
      events,
      repeated: keys.filter((key, i) => keys.indexOf(key) !== i),
      stored: <N extends EventName>(wanted: N) =>
        events.filter(({ name }) => name === wanted).map(({ data }) => data as EventData<N>),
    };
  } finally {
    await connection.close();
  }
}
