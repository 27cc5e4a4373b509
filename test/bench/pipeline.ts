import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { Bench } from './bench.js';
import { withService } from './servers.js';
import { processorSeconds, serviceMetrics } from './service-metrics.js';
import { inTemporaryFolder } from './temporary-folder.js';

const ROUNDS = 5;
const SHAPES = [
  { batch: 100, samples: 50_000 },
  { batch: 1, samples: 5_000 },
];
/** Messages whose acknowledgement is awaited. */
const UNDER_WAY = 64;
/** Less than is tolerated, so that no anomaly opens. */
const ERROR_EVERY = 50;
const PATIENCE_MS = 30_000;

interface Round {
  /** Samples per second. */
  speed: number;
  /** Of the detector, per sample. */
  processorMicroseconds: number;
}

/** From a publisher through JetStream to a detector that has stored what it learnt in Redis. */
export const pipeline: Bench = {
  name: 'pipeline',
  description: 'samples per second from accuracy.sample through NATS to the detector process and Redis',
  run: (say) =>
    inTemporaryFolder((folder) =>
      withService('anomaly-detector', folder, async ({ service, connection }) => {
        const js = jetstream(connection);
        await throughput(js, service.url, 'warm-up', SHAPES[0]!);
        const rounds = SHAPES.map((): Round[] => []);
        for (let round = 0; round < ROUNDS; round++) {
          say(`round ${round + 1} of ${ROUNDS}`);
          for (const [i, shape] of SHAPES.entries())
            rounds[i]!.push(await throughput(js, service.url, `round-${round}-${shape.batch}`, shape));
        }
        const [batched, single] = rounds as [Round[], Round[]];
        return {
          measures: [
            ...SHAPES.flatMap(({ batch }, i) => [
              { what: `batches of ${batch}`, unit: 'samples/s', values: rounds[i]!.map(({ speed }) => speed) },
              {
                what: `batches of ${batch}: processor time`,
                unit: 'µs/sample',
                values: rounds[i]!.map(({ processorMicroseconds }) => processorMicroseconds),
              },
            ]),
            {
              what: `batches of ${SHAPES[0]!.batch} over ${SHAPES[1]!.batch}`,
              unit: 'times',
              values: batched.map(({ speed }, i) => speed / single[i]!.speed),
            },
          ],
          notes: [
            'Bare samples; from the first publish until the detector counts the last one. Processor time: the detector process alone. Redis syncs every write to disk.',
          ],
        };
      }),
    ),
};

async function throughput(
  js: JetStreamClient,
  detectorUrl: string,
  model: string,
  { batch, samples }: { batch: number; samples: number },
): Promise<Round> {
  const before = processorSeconds(await serviceMetrics(detectorUrl));
  const began = performance.now();
  const underWay = new Set<Promise<unknown>>();
  for (let first = 0; first < samples; first += batch) {
    const body = {
      samples: Array.from({ length: batch }, (_, i) => ({ model, correct: (first + i) % ERROR_EVERY !== 0 })),
    };
    const publish = js.publish('accuracy.sample', JSON.stringify(body)).finally(() => underWay.delete(publish));
    underWay.add(publish);
    if (underWay.size >= UNDER_WAY) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  while ((await examined(detectorUrl, model)) < samples) {
    if (performance.now() - began > PATIENCE_MS)
      throw new Error(`the detector did not count ${samples} samples in time`);
    await sleep(10);
  }
  const seconds = (performance.now() - began) / 1000;
  const used = processorSeconds(await serviceMetrics(detectorUrl)) - before;
  return { speed: samples / seconds, processorMicroseconds: (1e6 * used) / samples };
}

async function examined(url: string, model: string): Promise<number> {
  const models = (await (await fetch(`${url}/v1/models`)).json()) as { model: string; examined: number }[];
  return models.find((known) => known.model === model)?.examined ?? 0;
}
