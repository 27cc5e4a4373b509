import { describe, expect, it } from '@jest/globals';

import { loadClassifier, ortExecutor, parseModel } from '#onnx-autodiff';

import { oneHot } from './dataset.js';
import { blobs, FEATURES, smallCnn } from './fixtures/blobs.js';
import { hardenModel } from './harden.js';
import { random } from './random.js';
import type { Recipe } from './recipe.js';
import { compileSplitTraining } from './splitTraining.js';
import { unitBallNoise } from './threatModel.js';
import { compileTraining, type OptimizerState } from './trainingGraph.js';

const executor = ortExecutor({ threads: 1 });
const [ROWS, CLASSES, STEPS] = [12, 3, 4];
const model = parseModel(smallCnn(3).bytes);
const data = blobs(ROWS, 8);

/** The state after some steps on the same rows. */
async function trained(recipe: Pick<Recipe, 'attackSteps'> & Partial<Recipe>, parts: number) {
  const classifier = await loadClassifier(model, { batch: ROWS / parts, executor });
  const compile = parts === 1 ? compileTraining : compileSplitTraining(parts);
  const training = await compile(classifier, { executor, recipe, norm: 'linf', range: [0, 1] });
  const zeros = () =>
    new Map([...classifier.parameters].map(([name, tensor]) => [name, new Float32Array(tensor.data.length)]));
  const weights = new Map([...classifier.parameters].map(([name, tensor]) => [name, tensor.data as Float32Array]));
  let state: OptimizerState = { step: 0, weights, firstMoments: zeros(), secondMoments: zeros() };
  const labels = oneHot(data.y, [...data.y.keys()], CLASSES, ROWS);
  const noise = unitBallNoise('linf', ROWS, FEATURES, random(5));
  const told: { loss: number; accuracy: number }[] = [];
  for (let step = 0; step < STEPS; step++) {
    const result = await training.step({ x: data.x, labels, noise, epsilon: 0.1, learningRate: 0.01 }, state);
    state = result.state;
    told.push({ loss: result.loss, accuracy: result.accuracy });
  }
  await training.release();
  return { state, told, weights };
}

describe('a training step in parts', () => {
  it.each<[string, Pick<Recipe, 'attackSteps'> & Partial<Recipe>]>([
    ['Adam on clean rows', { attackSteps: 0 }],
    ['PGD', { attackSteps: 3 }],
    ['TRADES', { name: 'trades', attackSteps: 3, beta: 2 }],
    [
      'SGD, clipped, with decay and smoothing',
      { attackSteps: 2, optimizer: 'sgd', clipNorm: 0.5, weightDecay: 0.1, labelSmoothing: 0.1 },
    ],
  ])('is that of the whole batch up to rounding: %s', async (_name, recipe) => {
    const whole = await trained(recipe, 1);
    for (const parts of [3, ROWS]) {
      const split = await trained(recipe, parts);
      split.told.forEach(({ loss, accuracy }, step) => {
        expect(loss).toBeCloseTo(whole.told[step]!.loss, 5);
        expect(accuracy).toBeCloseTo(whole.told[step]!.accuracy, 6);
      });
      expect(split.state.step).toBe(STEPS);
      for (const moments of ['weights', 'firstMoments', 'secondMoments'] as const)
        for (const [name, values] of whole.state[moments])
          values.forEach((value, i) =>
            expect(Math.abs(split.state[moments].get(name)![i]! - value)).toBeLessThan(1e-5),
          );
    }
    expect(whole.state.weights).not.toEqual(whole.weights);
  });

  it('trains the same network', async () => {
    const recipe = { attackSteps: 2, epochs: 3, batchSize: 32, learningRate: 0.02, epsilonFactor: 1.25 };
    const plan = { recipe, threat: { norm: 'linf', epsilon: 0.08, range: [0, 1] }, seed: 1 } as const;
    const [training, validation] = [blobs(160, 1), blobs(60, 2)];
    const whole = await hardenModel(model, training, validation, plan, { executor });
    const split = await hardenModel(model, training, validation, plan, { executor, rowsAtOnce: 8 });
    expect([whole.report.rowsAtOnce, split.report.rowsAtOnce]).toEqual([32, 8]);
    whole.report.epochs.forEach(({ loss }, i) => expect(split.report.epochs[i]!.loss).toBeCloseTo(loss, 2));
    expect(split.report.epochs.at(-1)!.validation!.robust).toBeCloseTo(
      whole.report.epochs.at(-1)!.validation!.robust,
      1,
    );
  });

  it('needs parts of one size, and no statistics of the batch', async () => {
    const recipe = { attackSteps: 2, epochs: 3, batchSize: 32, learningRate: 0.02, epsilonFactor: 1 };
    const plan = { recipe, threat: { norm: 'linf', epsilon: 0.08, range: [0, 1] }, seed: 1 } as const;
    const run = (changes: Partial<Recipe>, rowsAtOnce: number) =>
      hardenModel(
        model,
        blobs(64, 1),
        blobs(30, 2),
        { ...plan, recipe: { ...recipe, ...changes } },
        { executor, rowsAtOnce },
      );
    await expect(run({}, 12)).rejects.toThrow(/rowsAtOnce must divide the batch of 32 rows/);
    await expect(run({ batchStatistics: true }, 8)).rejects.toThrow(/batchStatistics needs the whole batch/);
  });
});
