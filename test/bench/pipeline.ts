import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, type JetStreamClient } from '@nats-io/jetstream';
import type { Bench } from './bench.js';
import { withService } from './servers.js';
import { inTemporaryFolder } from './temporary-folder.js';

const ROUNDS = 5;
const SHAPES = [
  { batch: 100, samples: 20_000 },
  { batch: 1, samples: 2_000 },
];
/** Messages whose acknowledgement is awaited. */
const UNDER_WAY = 64;
/** Less than is tolerated, so that no anomaly opens. */
const ERROR_EVERY = 50;
const PATIENCE_MS = 30_000;

/** From a publisher through JetStream to a detector that has stored what it learnt in Redis. */
export const pipeline: Bench = {
  name: 'pipeline',
  description: 'samples per second from accuracy.sample through NATS to the detector process and Redis',
  run: (say) =>
    inTemporaryFolder((folder) =>
      withService('anomaly-detector', folder, async ({ service, connection }) => {
        const js = jetstream(connection);
        await throughput(js, service.url, 'warm-up', SHAPES[0]!);
        const speeds = SHAPES.map((): number[] => []);
        for (let round = 0; round < ROUNDS; round++) {
          say(`round ${round + 1} of ${ROUNDS}`);
          for (const [i, shape] of SHAPES.entries())
            speeds[i]!.push(await throughput(js, service.url, `round-${round}-${shape.batch}`, shape));
        }
        const [batched, single] = speeds as [number[], number[]];
        return {
          measures: [
            ...SHAPES.map(({ batch }, i) => ({
              what: batch > 1 ? `${batch} samples a message` : '1 sample a message',
              unit: 'samples/s',
              values: speeds[i]!,
            })),
            {
              what: `${SHAPES[0]!.batch} a message over 1`,
              unit: 'times',
              values: batched.map((s, i) => s / single[i]!),
            },
          ],
          notes: [
            'Bare samples; from the first publish until the detector counts the last one. Redis syncs every write to disk.',
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
): Promise<number> {
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
  return (1000 * samples) / (performance.now() - began);
}

async function examined(url: string, model: string): Promise<number> {
  const models = (await (await fetch(`${url}/v1/models`)).json()) as { model: string; examined: number }[];
  return models.find((known) => known.model === model)?.examined ?? 0;
}
