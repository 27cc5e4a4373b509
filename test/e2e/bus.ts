import { EVENTS, type CloudEvent, type EventData, type EventName } from '#contracts';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';

/** What the bus has kept, read by a client that was not there when it happened. */
export interface BusRecord {
  /** Data of every stored event of this name: one that was stored twice is there twice. */
  stored<N extends EventName>(name: N): EventData<N>[];
  /** Messages that a stream holds now, and how many it has ever taken. */
  streams: Record<string, { held: number; taken: number }>;
}

export async function readBus(url: string): Promise<BusRecord> {
  const connection = await connect({ servers: url });
  try {
    const manager = await jetstreamManager(connection);
    const streams: BusRecord['streams'] = {};
    for await (const { config, state } of manager.streams.list())
      streams[config.name] = { held: state.messages, taken: state.last_seq };
    const messages: { subject: string; event: CloudEvent }[] = [];
    const consumer = await jetstream(connection).consumers.get('EVENTS');
    const { num_pending: waiting } = await consumer.info();
    if (waiting > 0) {
      for await (const message of await consumer.consume()) {
        messages.push({ subject: message.subject, event: message.json<CloudEvent>() });
        if (message.info.pending === 0) break;
      }
    }
    return {
      streams,
      // Bare copies have no dot after the event's name.
      stored: <N extends EventName>(name: N) =>
        messages.filter(({ subject }) => subject.startsWith(`${name}.`)).map(({ event }) => event.data as EventData<N>),
    };
  } finally {
    await connection.close();
  }
}

/** Whether every job has been done and taken from its queue. */
export const idle = ({ streams }: BusRecord): boolean =>
  Object.values(EVENTS).every(
    ({ stream }) => (stream !== 'JOBS' && stream !== 'DEPLOYMENTS') || streams[stream]?.held === 0,
  );
