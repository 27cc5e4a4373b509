import { describe, expect, it } from '@jest/globals';

import { loadClassifier, ModelBuilder, ortExecutor, parseModel } from '#onnx-autodiff';

import { compileAttackOn } from './attackGraph.js';
import { oneHot } from './dataset.js';
import { blobs, FEATURES, linearModel, smallCnn } from './fixtures/blobs.js';
import { random } from './random.js';
import { startAt, unitBallNoise } from './threatModel.js';
import { compileTraining, type OptimizerState } from './trainingGraph.js';

const executor = ortExecutor({ threads: 1 });

function startOf(parameters: ReadonlyMap<string, { data: ArrayLike<unknown> }>): OptimizerState {
  const zeros = () => new Map([...parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
  const weights = new Map([...parameters].map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)]));
  return { step: 0, weights, firstMoments: zeros(), secondMoments: zeros() };
}

describe('the training step', () => {
  it('is that of Adam on softmax regression, worked out by hand', async () => {
    const [rows, features, classes] = [4, 3, 2];
    const x = Float32Array.of(0.1, 0.9, 0.3, 0.7, 0.2, 0.8, 0.5, 0.4, 0.6, 0.9, 0.1, 0.2);
    const y = Int32Array.of(0, 1, 1, 0);
    const initial = Float32Array.of(0.5, -1, 0.25, -0.5, 1, 2);
    const classifier = await loadClassifier(linearModel(initial, classes), { batch: rows, executor });
    const training = await compileTraining(classifier, {
      executor,
      recipe: { attackSteps: 0 },
      norm: 'linf',
      range: [0, 1],
    });
    let state = startOf(classifier.parameters);

    const w = [...initial];
    const b = [0, 0];
    const moments = [...w, ...b].map(() => ({ m: 0, v: 0 }));
    for (let t = 1; t <= 5; t++) {
      const slopes = new Array<number>(w.length + b.length).fill(0);
      let loss = 0;
      for (let row = 0; row < rows; row++) {
        const z = b.map(
          (bias, c) => bias + [0, 1, 2].reduce((sum, i) => sum + x[row * features + i]! * w[c * features + i]!, 0),
        );
        const total = z.reduce((sum, value) => sum + Math.exp(value), 0);
        loss -= Math.log(Math.exp(z[y[row]!]!) / total) / rows;
        z.forEach((value, c) => {
          const slope = (Math.exp(value) / total - Number(c === y[row])) / rows;
          slopes[w.length + c]! += slope;
          for (let i = 0; i < features; i++) slopes[c * features + i]! += slope * x[row * features + i]!;
        });
      }
      slopes.forEach((slope, i) => {
        const moment = moments[i]!;
        moment.m = 0.9 * moment.m + 0.1 * slope;
        moment.v = 0.999 * moment.v + 0.001 * slope * slope;
        const step = (0.01 * (moment.m / (1 - 0.9 ** t))) / (Math.sqrt(moment.v / (1 - 0.999 ** t)) + 1e-8);
        if (i < w.length) w[i]! -= step;
        else b[i - w.length]! -= step;
      });

      const labels = oneHot(y, [0, 1, 2, 3], classes, rows);
      const result = await training.step(
        { x, labels, noise: new Float32Array(0), epsilon: 0, learningRate: 0.01 },
        state,
      );
      state = result.state;
      expect(result.loss).toBeCloseTo(loss, 5);
    }
    w.forEach((value, i) => expect(state.weights.get('w')![i]).toBeCloseTo(value, 4));
    b.forEach((value, i) => expect(state.weights.get('b')![i]).toBeCloseTo(value, 4));
    expect(state.step).toBe(5);
    await training.release();
  });

  it.each(['linf', 'l2'] as const)(
    'trains on what the %s attack makes of the batch, and on nothing else',
    async (norm) => {
      const rows = 6;
      const data = blobs(rows, 8);
      const threat = { norm, epsilon: norm === 'linf' ? 0.1 : 0.8, range: [0, 1] } as const;
      const classifier = await loadClassifier(parseModel(smallCnn(3).bytes), { batch: rows, executor });
      const labels = oneHot(data.y, [0, 1, 2, 3, 4, 5], 3, rows);
      const noise = unitBallNoise(norm, rows, FEATURES, random(5));
      const state = startOf(classifier.parameters);
      const at = { labels, noise, epsilon: threat.epsilon, learningRate: 0.01 };

      const feeds = () => Object.fromEntries(classifier.parameters);
      const attack = await compileAttackOn(classifier, { executor, norm, batch: rows }, feeds);
      let attacked = startAt(data.x, noise, threat);
      for (let step = 0; step < 3; step++) {
        attacked = (await attack.step({ x: attacked, origin: data.x, labels }, threat, threat.epsilon / 2)).next;
      }

      const options = { executor, norm, range: threat.range };
      const plain = await compileTraining(classifier, { ...options, recipe: { attackSteps: 0 } });
      const adversarial = await compileTraining(classifier, { ...options, recipe: { attackSteps: 3 } });
      const expected = await plain.step({ ...at, x: attacked }, state);
      const actual = await adversarial.step({ ...at, x: data.x }, state);
      expect(actual.loss).toBeCloseTo(expected.loss, 5);
      expect(actual.loss).toBeGreaterThan((await plain.step({ ...at, x: data.x }, state)).loss + 0.05);
      for (const [name, weights] of expected.state.weights) {
        weights.forEach((value, i) => expect(actual.state.weights.get(name)![i]).toBeCloseTo(value, 4));
      }
      for (const compiled of [attack, plain, adversarial]) await compiled.release();
    },
  );

  it.each(['linf', 'l2'] as const)('is the same by the fast lowering, attacked under %s', async (norm) => {
    const [rows, features] = [16, 256]; // smaller batches are never computed the fast way
    const model = parseModel(
      new ModelBuilder({ input: [1, 16, 16], seed: 2 })
        .convolution(16, { kernel: 5, pad: 2 })
        .relu()
        .maxPool({ kernel: 2, stride: 2 })
        .convolution(16, { kernel: 3, pad: 1 })
        .batchNormalization()
        .relu()
        .flatten()
        .dense(3)
        .build(),
    );
    const stream = random(4);
    const x = Float32Array.from({ length: rows * features }, stream.next);
    const everyRow = Array.from({ length: rows }, (_, row) => row);
    const labels = oneHot(
      Int32Array.from(everyRow, (row) => row % 3),
      everyRow,
      3,
      rows,
    );
    const noise = unitBallNoise(norm, rows, features, stream);
    const step = async (lowering: 'plain' | 'fast') => {
      const classifier = await loadClassifier(model, { batch: rows, executor, lowering });
      expect(classifier.lowering.kind).toBe(lowering);
      const options = { executor, norm, range: [0, 1], recipe: { attackSteps: 3 } } as const;
      const training = await compileTraining(classifier, options);
      const batch = { x, labels, noise, epsilon: norm === 'linf' ? 0.1 : 1, learningRate: 0.01 };
      const result = await training.step(batch, startOf(classifier.parameters));
      await training.release();
      return { ...result, firstMoments: classifier.toFile(result.state.firstMoments) };
    };
    const [plain, fast] = [await step('plain'), await step('fast')];
    expect(fast.loss).toBeCloseTo(plain.loss, 4);
    for (const [name, slope] of plain.firstMoments) {
      const other = fast.firstMoments.get(name)!;
      const error = Math.hypot(...slope.map((value, i) => value - other[i]!)) / Math.hypot(...slope);
      expect({ name, close: error < 1e-2 }).toEqual({ name, close: true });
    }
  });
});
