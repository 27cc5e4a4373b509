import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { cloudEvent, subjectFor, type EventData } from '#contracts';
import type { Bench } from './bench.js';
import { collectorLevels, type CollectorLevels } from './collector-levels.js';
import { demoFiles } from './demo-files.js';
import { payloadLogger, type PayloadLogger } from './payload-logger.js';
import { withService } from './servers.js';
import { inTemporaryFolder } from './temporary-folder.js';

const ROUNDS = 5;
const INFERENCES = 2_000;
const PATIENCE_MS = 60_000;
const MIB = 1024 * 1024;

interface Round {
  /** Events answered per second. */
  taken: number;
  /** Events read, examined and gone per second, down to an empty queue. */
  workedOff: number;
  /** Of the collector, per event. */
  processorMicroseconds: number;
}

/** KServe's payload logger against one collector: the demo's model and digits, both halves of each inference. */
export const intake: Bench = {
  name: 'intake',
  description: 'KServe logger events per second that one collector process takes, and the memory it needs',
  run: (say) =>
    inTemporaryFolder(async (folder) => {
      const demo = demoFiles(folder);
      return withService('metrics-collector', folder, async ({ service, connection }) => {
        const { url } = service;
        const logger = payloadLogger(url, demo.traffic);
        const watched = [
          { name: 'limited', changes: {}, what: `${demo.detection.maxExaminedPerSecond} rows a second examined` },
          { name: 'unlimited', changes: { maxExaminedPerSecond: 1e6 }, what: 'every row examined' },
        ];
        for (const { name, changes } of watched) await protect(connection, demo.protection(name, changes));
        await untilLevels(url, ({ watched: count }) => count === watched.length);
        for (const { name } of watched) await round(url, logger, name, 100);

        const start = await collectorLevels(url);
        const rounds = watched.map((): Round[] => []);
        for (let i = 0; i < ROUNDS; i++) {
          say(`round ${i + 1} of ${ROUNDS}`);
          for (const [k, { name }] of watched.entries()) {
            rounds[k]!.push(await round(url, logger, name, INFERENCES));
          }
        }
        logger.close();
        const end = await collectorLevels(url);
        return {
          measures: [
            ...watched.flatMap(({ what }, k) => [
              { what: `${what}: taken`, unit: 'events/s', values: rounds[k]!.map(({ taken }) => taken) },
              { what: `${what}: worked off`, unit: 'events/s', values: rounds[k]!.map(({ workedOff }) => workedOff) },
              {
                what: `${what}: processor time`,
                unit: 'µs/event',
                values: rounds[k]!.map(({ processorMicroseconds }) => processorMicroseconds),
              },
            ]),
            { what: 'resident memory at the start', unit: 'MiB', values: [start.memoryBytes / MIB] },
            { what: 'resident memory at the end', unit: 'MiB', values: [end.memoryBytes / MIB] },
            { what: 'shed, queue full', unit: 'events', values: [end.shed - start.shed] },
            { what: 'lost otherwise', unit: 'events', values: [end.lost - end.shed - start.lost + start.shed] },
          ],
          notes: [
            `${2 * INFERENCES} events a round over ${logger.connections} connections that are kept; an inference is two events of one row. Processor time: the collector process alone.`,
          ],
        };
      });
    }),
};

async function round(url: string, logger: PayloadLogger, model: string, inferences: number): Promise<Round> {
  const before = await collectorLevels(url);
  const began = performance.now();
  await logger.log(model, inferences);
  const answered = performance.now();
  const events = 2 * inferences;
  const end = await untilLevels(
    url,
    (now) => now.read + now.lost - before.read - before.lost >= events && now.queued === 0,
  );
  return {
    taken: (1000 * events) / (answered - began),
    workedOff: (1000 * (events - (end.shed - before.shed))) / (performance.now() - began),
    processorMicroseconds: (1e6 * (end.processorSeconds - before.processorSeconds)) / events,
  };
}

async function untilLevels(url: string, enough: (levels: CollectorLevels) => boolean): Promise<CollectorLevels> {
  const began = performance.now();
  for (;;) {
    const levels = await collectorLevels(url);
    if (enough(levels)) return levels;
    if (performance.now() - began > PATIENCE_MS)
      throw new Error(`the collector stands still: ${JSON.stringify(levels)}`);
    await sleep(20);
  }
}

async function protect(connection: NatsConnection, data: EventData<'protection.updated'>): Promise<void> {
  const { namespace, model } = data;
  const origin = { id: `bench-${model}`, source: 'bench', time: new Date().toISOString(), namespace, model };
  const event = cloudEvent('protection.updated', origin, data);
  await jetstream(connection).publish(subjectFor('protection.updated', data), JSON.stringify(event));
}
