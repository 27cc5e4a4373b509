import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defaultRecipe, hardenModel, type Dataset } from '#adversarial';
import { ortExecutor, parseModel, type OnnxModel } from '#onnx-autodiff';
import { digitParts } from '#testbed';
import type { Bench } from './bench.js';
import { demoFiles } from './demo-files.js';
import { sideBySide } from './side-by-side.js';
import { inTemporaryFolder } from './temporary-folder.js';

const ROUNDS = 5;
const STEPS_BETWEEN = 20;
/** The first one warms up. */
const INTERVALS = 4;

/** Adversarial training of the demo's network: PGD-3, batches of 64, as the trainer does it. */
export const training: Bench = {
  name: 'training',
  description: "adversarial-training images per second on the demo's network (PGD-3, batches of 64), by threads",
  run: (say) =>
    inTemporaryFolder(async (folder) => {
      const model = parseModel(readFileSync(demoFiles(folder).modelFile));
      const parts = digitParts();
      const cores = availableParallelism();
      const [one, all]: [number[], number[]] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        say(`round ${round + 1} of ${ROUNDS}`);
        // Side by side, so that a busy minute of the machine does not decide the ratio.
        one.push(await imagesPerSecond(model, parts, 1));
        all.push(cores > 1 ? await imagesPerSecond(model, parts, cores) : one.at(-1)!);
      }
      const beside = await sideBySide(say);
      return {
        measures: [
          { what: '1 thread', unit: 'images/s', values: one },
          { what: `${cores} threads`, unit: 'images/s', values: all },
          { what: `${cores} threads over 1`, unit: 'times', values: all.map((speed, i) => speed / one[i]!) },
          ...beside.measures,
        ],
        notes: [
          'An image counts once for all of its three attack steps and its training step. Compilation is left out.',
          ...beside.notes,
        ],
      };
    }),
};

/** Of the fastest interval: whatever else runs can only make it slower. */
async function imagesPerSecond(
  model: OnnxModel,
  parts: { training: Dataset; validation: Dataset },
  threads: number,
): Promise<number> {
  const enough = new AbortController();
  const times: number[] = [];
  const plan = {
    recipe: defaultRecipe,
    threat: { norm: 'linf', epsilon: 0.3, range: [0, 1] },
    seed: 1,
  } as const;
  await hardenModel(model, parts.training, parts.validation, plan, {
    executor: ortExecutor({ threads }),
    progressEvery: STEPS_BETWEEN,
    signal: enough.signal,
    onProgress: () => {
      times.push(performance.now());
      if (times.length > INTERVALS) enough.abort();
    },
  }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error;
  });
  const fastest = Math.min(...times.slice(1).map((time, i) => time - times[i]!));
  return (1000 * STEPS_BETWEEN * plan.recipe.batchSize) / fastest;
}
