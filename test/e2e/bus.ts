import type { CloudEvent, EventData, EventName } from '#contracts';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node';

/** What the bus has kept, read by a client that was not there when it happened. */
export interface BusRecord {
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

    const messages: { subject: string; event: CloudEvent }[] = [];
    const consumer = await jetstream(connection).consumers.get('EVENTS');
    if ((await consumer.info()).num_pending > 0) {
      for await (const message of await consumer.consume()) {
        messages.push({ subject: message.subject, event: message.json<CloudEvent>() });
        if (message.info.pending === 0) break;
      }
    }
    const keys = messages.map(({ subject, event }) => `${subject} ${event.id}`);
    return {
      streams,
      repeated: keys.filter((key, i) => keys.indexOf(key) !== i),
      // With the dot: without the bare copies.
      stored: <N extends EventName>(name: N) =>
        messages.filter(({ subject }) => subject.startsWith(`${name}.`)).map(({ event }) => event.data as EventData<N>),
    };
  } finally {
    await connection.close();
  }
}
