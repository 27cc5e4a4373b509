import { describe, expect, it } from '@jest/globals';

import { floats, Graph, ortExecutor } from '#onnx-autodiff';

import { smoothed } from './lossGraph.js';
import { normal, random } from './random.js';
import { tradesLoss } from './tradesGraph.js';

const [ROWS, CLASSES, BETA] = [4, 5, 6];
const dims = [ROWS, CLASSES];
const source = random(3);
const logits = () => Float32Array.from({ length: ROWS * CLASSES }, () => 2 * normal(source));
const [clean, attacked] = [logits(), logits()];
const labels = Float32Array.from({ length: ROWS * CLASSES }, (_, i) => Number(i % CLASSES === Math.floor(i / CLASSES)));

/** By the definitions, in double precision. */
function lossByHand(z: Float32Array, a: Float32Array): number {
  let sum = 0;
  for (let row = 0; row < ROWS; row++) {
    const logSoftmax = (values: Float32Array) => {
      const own = [...values.subarray(row * CLASSES, (row + 1) * CLASSES)];
      const total = Math.log(own.reduce((all, value) => all + Math.exp(value), 0));
      return own.map((value) => value - total);
    };
    const [p, q] = [logSoftmax(z), logSoftmax(a)];
    sum -= p[row]!;
    p.forEach((value, c) => (sum += BETA * Math.exp(value) * (value - q[c]!)));
  }
  return sum / ROWS;
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
    expect(read('loss')[0]).toBeCloseTo(lossByHand(clean, attacked), 4);
    const h = 2 ** -10;
    for (let i = 0; i < clean.length; i++) {
      const moved = (values: Float32Array, by: number) => values.map((value, at) => value + (at === i ? by : 0));
      const slope = (at: (by: number) => number) => (at(h) - at(-h)) / (2 * h);
      expect(read('dz')[i]).toBeCloseTo(
        slope((by) => lossByHand(moved(clean, by), attacked)),
        3,
      );
      expect(read('da')[i]).toBeCloseTo(
        slope((by) => lossByHand(clean, moved(attacked, by))),
        3,
      );
    }
    await compiled.release();
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
