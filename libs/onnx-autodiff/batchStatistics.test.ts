import { describe, expect, it } from '@jest/globals';

import { loadClassifier, weightInputs } from './classifier.js';
import { Emitter } from './emitter.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { ModelBuilder } from './modelBuilder.js';
import type { LoweringChoice } from './networkForms.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { uniformStream } from './random.js';
import { elementCount, floats, type Tensor } from './tensor.js';

const executor = ortExecutor({ threads: 1 });
const [ROWS, CLASSES] = [16, 3];

const network = () =>
  new ModelBuilder({ input: [2, 8, 8], seed: 3 })
    .convolution(16, { kernel: 3, pad: 1 })
    .batchNormalization()
    .layer('Tanh') // no kinks for the differences to cross
    .convolution(16, { kernel: 3, pad: 1, stride: 2 })
    .batchNormalization()
    .layer('Tanh')
    .flatten()
    .dense(8)
    .batchNormalization()
    .layer('Tanh')
    .dense(CLASSES);

/** A step's pass: what it says, the slopes of sum(logits * adjoint), and the running statistics after it. */
async function pass(kind: LoweringChoice['kind']) {
  const model = parseModel(network().build());
  const classifier = await loadClassifier(model, { batch: ROWS, executor, lowering: kind });
  const training = await classifier.forTraining();
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const x = graph.input('x', classifier.inputDims);
  const adjoint = graph.input('adjoint', [ROWS, CLASSES]);
  const { logits, statistics } = training.instantiate(graph, x, weights, 'train/');
  const wrt = [x, ...[...classifier.parameters.keys()].map((name) => weights.get(name)!)];
  for (const [name, slope] of gradients(graph, new Map([[logits, adjoint]]), wrt)) graph.output(slope, `d ${name}`);
  const emit = new Emitter(graph);
  graph.output(emit.sum(emit.mul(logits, adjoint), [0, 1], false), 'loss');
  for (const [name, next] of statistics) graph.output(next, `next ${name}`);
  const compiled = await executor.compile(graph);
  const uniform = uniformStream(4);
  const noise = (dims: readonly number[]) => floats(Float32Array.from({ length: elementCount(dims) }, uniform), dims);
  const feeds: Record<string, Tensor> = {
    ...Object.fromEntries([...classifier.parameters, ...classifier.statistics]),
    x: noise(classifier.inputDims),
    adjoint: noise([ROWS, CLASSES]),
  };
  const run = async (changes: Record<string, Tensor> = {}) => {
    const outputs = await compiled.run({ ...feeds, ...changes });
    return (name: string) => outputs[name]!.data as Float32Array;
  };
  return { classifier, training, feeds, run, release: () => compiled.release() };
}

describe('a network by the statistics of its batch', () => {
  it.each(['plain', 'fast'] as const)('has the slopes of its loss at input and parameters, %s', async (kind) => {
    const { classifier, training, feeds, run, release } = await pass(kind);
    expect(training.lowering.kind).toBe(kind);
    const slopes = await run();
    for (const name of ['x', ...classifier.parameters.keys()]) {
      const slope = slopes(`d ${name}`);
      const scale = Math.max(...slope.map(Math.abs), 1e-2);
      const { dims, data } = feeds[name]!;
      const values = data as Float32Array;
      for (let i = 0; i < values.length; i += Math.ceil(values.length / 6)) {
        const h = 0.01;
        const lossAt = async (by: number) =>
          (
            await run({
              [name]: floats(
                values.map((value, at) => value + (at === i ? by : 0)),
                dims,
              ),
            })
          )('loss')[0]!;
        const difference = ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
        expect({ name, i, close: Math.abs(difference - slope[i]!) < 0.02 * scale }).toEqual({ name, i, close: true });
      }
    }
    await release();
  });

  it('is BatchNormalization in training_mode as ONNX Runtime computes it, with the momentum of the file', async () => {
    const dims = [ROWS, 3];
    const uniform = uniformStream(5);
    const vector = () => Float32Array.from({ length: 3 }, () => 0.5 + uniform());
    const of = Object.fromEntries(['scale', 'bias', 'mean', 'variance'].map((name) => [name, floats(vector(), [3])]));
    const x = floats(Float32Array.from({ length: elementCount(dims) }, uniform), dims);
    const attributes = { epsilon: 1e-3, momentum: 0.7 };

    const expected = new Graph();
    const inputs = Object.entries({ x, ...of }).map(([name, tensor]) => expected.input(name, tensor.dims));
    const node = { op: 'BatchNormalization', inputs, outputs: ['y', 'mean after', 'variance after'] };
    const types = [dims, [3], [3]].map((dims) => ({ type: 'float32', dims }) as const);
    expected.append({ ...node, attributes: { ...attributes, training_mode: 1 } }, types);
    const found = new Graph();
    const net = new ModelBuilder({ input: [3], seed: 1 });
    const names = Object.entries(of).map(([name, tensor]) => net.constant(name, tensor));
    const model = parseModel(net.layer('BatchNormalization', names, attributes).build());
    const classifier = await loadClassifier(model, { batch: ROWS, executor });
    const { logits, statistics } = (await classifier.forTraining()).instantiate(
      found,
      found.input('x', dims),
      weightInputs(found, classifier),
      '',
    );
    found.output(logits, 'y');
    for (const [name, next] of statistics) found.output(next, `${name} after`);

    const results = [];
    for (const graph of [expected, found]) {
      if (graph === expected) for (const name of node.outputs) graph.output(name);
      const compiled = await executor.compile(graph);
      results.push(await compiled.run({ x, ...of }));
      await compiled.release();
    }
    for (const name of node.outputs) {
      const [theirs, ours] = results.map((outputs) => outputs[name]!.data as Float32Array);
      theirs!.forEach((value, i) => expect(ours![i]).toBeCloseTo(value, 5));
    }
  });

  it('leaves the same running statistics by the fast lowering', async () => {
    const [plain, fast] = [await pass('plain'), await pass('fast')];
    const [expected, found] = [await plain.run(), await fast.run()];
    expect(plain.classifier.statistics.size).toBe(6);
    for (const [name, { data }] of plain.classifier.statistics) {
      const values = expected(`next ${name}`);
      expect(values).not.toEqual(data);
      values.forEach((value, i) => expect(found(`next ${name}`)[i]).toBeCloseTo(value, 5));
    }
    for (const { release } of [plain, fast]) await release();
  });
});
