import { readFileSync } from 'node:fs';
import { compileAttack, fgsm, pgd, random, type Dataset, type ThreatModel } from '#adversarial';
import type { Calibration } from '#change-detection';
import { compileForward, compileLogitGradients, ortExecutor, parseModel, type OnnxModel } from '#onnx-autodiff';
import { MODEL, shuffledRows } from '#testbed';
import type { Bench, Measure } from './bench.js';
import { demoFiles, type DemoFiles } from './demo-files.js';
import { examined, follow, type Request, type Watched } from './simulated-stream.js';
import { inTemporaryFolder } from './temporary-folder.js';

const STREAMS = 11;
const ATTACKS = [
  ...[0.05, 0.1, 0.2, 0.3].map((epsilon) => ({ attack: 'FGSM', epsilon })),
  ...[0.05, 0.1, 0.3].map((epsilon) => ({ attack: 'PGD-10', epsilon })),
];
/** Clean requests before the attack, and attacked ones at most. */
const BEFORE = 200;
const ATTACKED = 1_000;
const CLEAN_STREAMS = 10;
const CLEAN_ROWS = 20_000;
/** As the demo's clients: half of the true labels become known, a second (40 requests) later. */
const LABELS = { share: 0.5, delay: 40 };

/** The collector's and the detector's own code on simulated streams, without processes, clock and network. */
export const detection: Bench = {
  name: 'detection',
  description: "requests from an attack's first to the alarm and to the verdict; false alarms on clean rows (offline)",
  run: (say) =>
    inTemporaryFolder(async (folder) => {
      const demo = demoFiles(folder);
      const model = parseModel(readFileSync(demo.modelFile));
      const { watched, release } = await watch(model, demo);
      const { traffic } = demo;
      const clean = await examined(watched, traffic.x, traffic.y);
      const measures: Measure[] = [];
      const otherwise: string[] = [];
      for (const { attack, epsilon } of ATTACKS) {
        say(`${attack} at eps ${epsilon}`);
        const attackedRows = await examined(watched, await adversarial(model, traffic, attack, epsilon), traffic.y);
        const ends = [];
        for (let seed = 1; seed <= STREAMS; seed++) {
          const stream = [
            ...drawn(clean, traffic, seed, BEFORE),
            ...drawn(attackedRows, traffic, seed + 1000, ATTACKED),
          ];
          ends.push(await follow(watched, stream, { labels: LABELS, random: random(seed).next, until: 'verdict' }));
        }
        const since = (at: number | null) => (at === null ? null : Math.max(0, at - BEFORE + 1));
        const what = `${attack} at eps ${epsilon}`;
        const attacks = ends.map(({ attackAt }) => since(attackAt));
        measures.push(
          { what: `${what}: to the alarm`, unit: 'requests', values: ends.map(({ alarmAt }) => since(alarmAt)) },
          { what: `${what}: to the verdict attack`, unit: 'requests', values: attacks },
        );
        const drift = ends.filter((end) => end.drift && end.attackAt === null).length;
        if (drift) otherwise.push(`${what} ended as drift in ${drift} of ${STREAMS} streams.`);
      }
      say('clean rows');
      const runs = [];
      for (let seed = 1; seed <= CLEAN_STREAMS; seed++) {
        const stream = drawn(clean, traffic, seed, CLEAN_ROWS);
        runs.push(await follow(watched, stream, { labels: LABELS, random: random(seed).next, until: 'alarm' }));
      }
      await release();
      const alarms = runs.filter(({ alarmAt }) => alarmAt !== null);
      const rows = runs.reduce((sum, { alarmAt }) => sum + (alarmAt ?? CLEAN_ROWS), 0);
      measures.push({ what: 'clean rows to a false alarm', unit: 'rows', values: runs.map(({ alarmAt }) => alarmAt) });
      const { budget } = demo.detection;
      return {
        measures,
        notes: [
          `${traffic.n} digits that neither model nor calibration have seen; every request attacked after ${BEFORE} clean ones; ${100 * LABELS.share} % of the labels, ${LABELS.delay} requests late.`,
          `Given up after ${ATTACKED} attacked requests, or ${CLEAN_ROWS} clean ones. 0 requests: an alarm before the attack.`,
          `${alarms.length} false alarms in ${rows} clean rows; promised is at most one in ${budget}, on average.`,
          ...otherwise,
        ],
      };
    }),
};

async function watch(
  model: OnnxModel,
  { calibrationFile, calibrationSha256, detection: settings }: DemoFiles,
): Promise<{ watched: Watched; release: () => Promise<void> }> {
  const executor = ortExecutor({ threads: 1 });
  const forward = await compileForward(model, { batch: 16, executor });
  const gradients = await compileLogitGradients(model, { batch: 16, executor, seeds: 2 });
  const calibration = JSON.parse(readFileSync(calibrationFile, 'utf8')) as Calibration;
  const watched: Watched = {
    model: {
      classes: forward.classes,
      features: forward.features,
      forward: (x, rows) => forward.run(x, rows),
      gradients: (x, rows, choose) => gradients.run(x, rows, choose),
    },
    calibration,
    protection: {
      detection: settings,
      revisions: new Map([[MODEL.revision, { calibrationId: calibrationSha256, calibration }]]),
    },
  };
  const release = async () => {
    await forward.release();
    await gradients.release();
  };
  return { watched, release };
}

async function adversarial(model: OnnxModel, data: Dataset, name: string, epsilon: number): Promise<Float32Array> {
  const threat: ThreatModel = { norm: 'linf', epsilon, range: [0, 1] };
  const attack = await compileAttack(model, { executor: ortExecutor({ threads: 1 }), norm: 'linf', batch: 50 });
  try {
    if (name === 'FGSM') return await fgsm(attack, data, threat);
    return await pgd(attack, data, threat, { steps: 10, random: random(1) });
  } finally {
    await attack.release();
  }
}

/** Requests in the order in which the demo's clients would send them. */
function drawn(requests: readonly Request[], data: Dataset, seed: number, n: number): Request[] {
  const source = shuffledRows(data, seed);
  return Array.from({ length: n }, () => requests[source.next().index]!);
}
