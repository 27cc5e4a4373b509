import { describe, expect, it } from '@jest/globals';

import { floats, Graph, loadClassifier, ortExecutor } from '#onnx-autodiff';

import { compileAttackOn } from './attackGraph.js';
import { oneHot } from './dataset.js';
import { blobs, FEATURES, smallCnn } from './fixtures/blobs.js';
import { smoothed } from './lossGraph.js';
import { normal, random } from './random.js';
import { attackStepSize } from './recipe.js';
import { startAt, unitBallNoise } from './threatModel.js';
import { tradesLoss } from './tradesGraph.js';
import { compileTraining } from './trainingGraph.js';

const [ROWS, CLASSES, BETA] = [4, 5, 6];
const dims = [ROWS, CLASSES];
const source = random(3);
const logits = () => Float32Array.from({ length: ROWS * CLASSES }, () => 2 * normal(source));
const [clean, attacked] = [logits(), logits()];
const classOf = [0, 1, 2, 3];
const labels = oneHot(Int32Array.from(classOf), classOf, CLASSES, ROWS);

const rowsOf = (values: Float32Array, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);

function logSoftmax(logits: readonly number[]): number[] {
  const total = Math.log(logits.reduce((all, value) => all + Math.exp(value), 0));
  return logits.map((value) => value - total);
}

/** By the definitions, in double precision. */
function lossByHand(z: Float32Array, a: Float32Array, y: ArrayLike<number>, beta: number): number {
  const [p, q] = [z, a].map((values) => rowsOf(values, values.length / y.length).map(logSoftmax)) as [
    number[][],
    number[][],
  ];
  const perRow = p.map((logs, row) => {
    const divergence = logs.reduce((sum, log, c) => sum + Math.exp(log) * (log - q[row]![c]!), 0);
    return beta * divergence - logs[y[row]!]!;
  });
  return perRow.reduce((sum, value) => sum + value, 0) / y.length;
}

describe('TRADES', () => {
  it('has the loss of its definition, and its gradients at both outputs', async () => {
    const graph = new Graph();
    const inputs = ['z', 'a', 'y'].map((name) => graph.input(name, dims)) as [string, string, string];
    const { loss, cleanGradient, attackedGradient } = tradesLoss(graph, ...inputs, BETA);
    graph.output(loss, 'loss');
    graph.output(cleanGradient, 'dz');
    graph.output(attackedGradient, 'da');
    const compiled = await ortExecutor({ threads: 1 }).compile(graph);
    const feeds = { z: floats(clean, dims), a: floats(attacked, dims), y: floats(labels, dims) };
    const outputs = await compiled.run(feeds);
    const read = (name: string) => outputs[name]!.data as Float32Array;
    expect(read('loss')[0]).toBeCloseTo(lossByHand(clean, attacked, classOf, BETA), 4);
    const h = 2 ** -10;
    for (let i = 0; i < clean.length; i++) {
      const moved = (values: Float32Array, by: number) => values.map((value, at) => value + (at === i ? by : 0));
      const slope = (at: (by: number) => number) => (at(h) - at(-h)) / (2 * h);
      expect(read('dz')[i]).toBeCloseTo(
        slope((by) => lossByHand(moved(clean, by), attacked, classOf, BETA)),
        3,
      );
      expect(read('da')[i]).toBeCloseTo(
        slope((by) => lossByHand(clean, moved(attacked, by), classOf, BETA)),
        3,
      );
    }
    await compiled.release();
  });
});

describe('a training step of TRADES', () => {
  it('has the slope of its loss at each weight, the attacked rows held still', async () => {
    const [rows, beta] = [6, 2];
    const threat = { norm: 'linf', epsilon: 0.1, range: [0, 1] } as const;
    const executor = ortExecutor({ threads: 1 });
    const classifier = await loadClassifier(smallCnn(3), { batch: rows, executor });
    const { x, y } = blobs(rows, 8);
    const noise = unitBallNoise('linf', rows, FEATURES, random(5));
    const tensors = (of: (data: Float32Array) => Float32Array) =>
      new Map([...classifier.parameters].map(([name, { data }]) => [name, of(data as Float32Array)]));
    const weights = tensors((data) => data.slice());
    const zeros = tensors((data) => new Float32Array(data.length));

    const feeds = () =>
      Object.fromEntries(
        [...classifier.parameters].map(([name, { dims }]) => [name, floats(weights.get(name)!, dims)]),
      );
    const attack = await compileAttackOn(classifier, { executor, norm: 'linf', batch: rows }, feeds);
    const oneHotLabels = oneHot(y, [...y.keys()], classifier.classes, rows);
    const logitsAt = async (at: Float32Array) =>
      (await attack.step({ x: at, origin: x, labels: oneHotLabels }, threat, 0)).logits.slice();
    const goal = rowsOf(await logitsAt(x), classifier.classes).flatMap((row) => logSoftmax(row).map(Math.exp));
    let attackedRows = startAt(x, noise, threat);
    for (let step = 0; step < 2; step++) {
      const at = { x: attackedRows, origin: x, labels: Float32Array.from(goal) };
      attackedRows = (await attack.step(at, threat, attackStepSize(2, threat.epsilon))).next.slice();
    }
    const lossNow = async () => lossByHand(await logitsAt(x), await logitsAt(attackedRows), y, beta);

    const recipe = { name: 'trades', attackSteps: 2, beta, optimizer: 'sgd' } as const;
    const training = await compileTraining(classifier, { executor, recipe, norm: 'linf', range: threat.range });
    const batch = { x, labels: oneHotLabels, noise, epsilon: threat.epsilon, learningRate: 0 };
    const state = { step: 0, weights: tensors((data) => data.slice()), firstMoments: zeros, secondMoments: zeros };
    const result = await training.step(batch, state);
    expect(result.loss).toBeCloseTo(await lossNow(), 4);
    const h = 2 ** -9;
    const errors: number[] = [];
    for (const [name, values] of weights) {
      const slopes = result.state.firstMoments.get(name)!; // the first momentum is the gradient itself
      const largest = Math.max(...slopes.map(Math.abs));
      for (let i = 0; i < values.length; i += Math.ceil(values.length / 12)) {
        const value = values[i]!;
        const lossWith = (changed: number) => {
          values[i] = changed;
          return lossNow();
        };
        const slope = ((await lossWith(value + h)) - (await lossWith(value - h))) / (2 * h);
        values[i] = value;
        errors.push(Math.abs(slope - slopes[i]!) / largest);
      }
    }
    expect(Math.max(...errors)).toBeLessThan(0.02); // what is left are kinks of ReLU within h of a bias
    for (const compiled of [attack, training]) await compiled.release();
  });
});

describe('label smoothing', () => {
  it('spreads a share of each label over all classes', async () => {
    const graph = new Graph();
    graph.output(smoothed(graph, graph.input('y', dims), 0.1), 'smooth');
    const compiled = await ortExecutor({ threads: 1 }).compile(graph);
    const { smooth } = await compiled.run({ y: floats(labels, dims) });
    (smooth!.data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(0.9 * labels[i]! + 0.02, 6));
    await compiled.release();
  });
});
