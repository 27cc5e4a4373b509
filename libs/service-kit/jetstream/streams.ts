import {
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { Logger } from '@nestjs/common';
import { nanos } from '@nats-io/transport-node';
import { DEAD_LETTERS, type StreamDefinition } from '#contracts';
import { isRefusal } from '../nats.js';

export type StreamSpec = Partial<StreamConfig> & { name: string; subjects: string[] };

/** Message ids are remembered this long: an event whose acknowledgement was lost may be published again within it. */
const DUPLICATE_WINDOW_MS = 10 * 60_000;
const NAME_IN_USE = 10058;
const logger = new Logger('streams');

/** A full work queue refuses new jobs; every other stream drops its oldest messages. */
export const streamSpec = ({ name, subjects, retention, maxBytes, maxPerSubject }: StreamDefinition): StreamSpec => ({
  name,
  subjects,
  retention: retention === 'workqueue' ? RetentionPolicy.Workqueue : RetentionPolicy.Limits,
  discard: retention === 'workqueue' ? DiscardPolicy.New : DiscardPolicy.Old,
  max_bytes: maxBytes,
  max_msgs_per_subject: maxPerSubject ?? -1,
  duplicate_window: nanos(DUPLICATE_WINDOW_MS),
});

export const deadLetterStream: StreamSpec = {
  name: DEAD_LETTERS.stream,
  subjects: [`${DEAD_LETTERS.prefix}.>`],
  max_bytes: 64 * 1024 * 1024,
};

/** Creates the stream or brings it to its specification. Safe when several services do it at once. */
export async function ensureStream(manager: JetStreamManager, spec: StreamSpec): Promise<void> {
  const existing = await manager.streams.info(spec.name).catch(() => undefined);
  if (!existing) {
    try {
      await manager.streams.add(spec);
      return;
    } catch (error) {
      const madeByAnother = error instanceof JetStreamApiError && error.code === NAME_IN_USE;
      if (!madeByAnother) throw error;
    }
  } else if (satisfies(existing.config, spec)) return;
  try {
    await manager.streams.update(spec.name, spec);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // Where users have rights, one service changes streams. This one works with the stream as it is.
    logger.warn(`the stream ${spec.name} differs from what this version asks for, and this user may not change it`);
  }
}

const satisfies = (config: StreamConfig, spec: StreamSpec) =>
  Object.entries(spec).every(
    ([key, value]) => JSON.stringify(config[key as keyof StreamConfig]) === JSON.stringify(value),
  );
