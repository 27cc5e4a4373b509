import { describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { loadClassifier, weightInputs } from './classifier.js';
import { compileForward } from './forward.js';
import { gradients } from './gradients.js';
import { Graph } from './graph.js';
import { compileLogitGradients } from './logitGradients.js';
import { mnistCnn, ModelBuilder } from './modelBuilder.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { uniformStream } from './random.js';
import { elementCount, floats, type Tensor } from './tensor.js';

const executor = ortExecutor({ threads: 2 });
const random = (count: number, seed: number) => Float32Array.from({ length: count }, uniformStream(seed));

/** Everything that the builder offers in one small network. */
const smallNet = (options: { opset?: number; softmax?: boolean } = {}): Uint8Array => {
  const net = new ModelBuilder({
    input: [2, 10, 10],
    seed: 5,
    ...(options.opset !== undefined && { opset: options.opset }),
  })
    .convolution(6, { kernel: 3, pad: 1 })
    .batchNormalization()
    .relu()
    .maxPool({ kernel: 2, stride: 2 })
    .residual((block) => block.convolution(6, { kernel: 3, pad: 1 }).layer('Tanh'))
    .averagePool({ kernel: 3, stride: 2, pad: 1 })
    .flatten()
    .dense(8)
    .layer('Sigmoid')
    .dense(3);
  return (options.softmax ? net.softmax() : net).build();
};

async function runFile(bytes: Uint8Array, x: Float32Array, dims: number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes);
  const { logits } = await session.run({ input: new OrtTensor('float32', x, dims) });
  await session.release();
  return logits?.data as Float32Array;
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b[i] ?? NaN))), 0);

describe('loadClassifier', () => {
  it('knows shapes, classes, parameters and statistics', async () => {
    const classifier = await loadClassifier(parseModel(smallNet()), { batch: 4, executor });
    expect(classifier).toMatchObject({ batch: 4, classes: 3, inputDims: [4, 2, 10, 10] });
    expect([...classifier.parameters.keys()]).toHaveLength(2 + 2 + 2 + 2 + 2);
    expect([...classifier.statistics.keys()].map((name) => name.split('.')[1])).toEqual([
      'running_mean',
      'running_var',
    ]);
  });

  it('gives gradients of input and weights that agree with finite differences along a random direction', async () => {
    const classifier = await loadClassifier(parseModel(smallNet()), { batch: 3, executor });
    const graph = new Graph();
    const weights = weightInputs(graph, classifier);
    const x = graph.input('@x', classifier.inputDims);
    const logits = classifier.instantiate(graph, x, weights, 'a.');
    const seed = random(9, 77);
    const wrt = [x, ...[...classifier.parameters.keys()].map((name) => weights.get(name) ?? '')];
    const found = gradients(graph, new Map([[logits, graph.constant(seed, [3, 3])]]), wrt);
    graph.output(logits, '@logits');
    for (const name of wrt) graph.output(found.get(name) ?? '', `@gradient ${name}`);
    const compiled = await executor.compile(graph);

    const feeds: Record<string, Tensor> = { '@x': floats(random(600, 3), classifier.inputDims) };
    for (const [name, tensor] of [...classifier.parameters, ...classifier.statistics]) feeds[name] = tensor;
    const base = await compiled.run(feeds);
    for (const name of wrt) {
      const tensor = feeds[name] as Tensor & { data: Float32Array };
      const direction = random(elementCount(tensor.dims), 11).map((value) => value - 0.5);
      const along = async (step: number) => {
        const moved = floats(
          tensor.data.map((value, i) => value + step * (direction[i] ?? 0)),
          tensor.dims,
        );
        const { '@logits': result } = await compiled.run({ ...feeds, [name]: moved });
        return (result?.data as Float32Array).reduce((sum, value, i) => sum + value * (seed[i] ?? 0), 0);
      };
      const measured = ((await along(1e-3)) - (await along(-1e-3))) / 2e-3;
      const gradient = base[`@gradient ${name}`]?.data as Float32Array;
      const predicted = gradient.reduce((sum, value, i) => sum + value * (direction[i] ?? 0), 0);
      const scale = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
      expect(Math.abs(measured - predicted) / scale).toBeLessThan(0.02);
    }
    await compiled.release();
  });
});

describe('compileForward', () => {
  it.each([7, 11, 13, 17, 20])('gives what the file gives, at opset %i and for any number of rows', async (opset) => {
    const bytes = smallNet({ opset });
    const forward = await compileForward(parseModel(bytes), { executor, batch: 4 });
    expect(forward).toMatchObject({ classes: 3, features: 200 });
    const x = random(7 * 200, 1);
    const expected = await runFile(bytes, x, [7, 2, 10, 10]);
    expect(largestDifference(await forward.run(x, 7), expected)).toBeLessThan(1e-5);
    await forward.release();
  });

  it.each([11, 17])('gives logits where the file ends in a softmax (opset %i)', async (opset) => {
    const forward = await compileForward(parseModel(smallNet({ softmax: true, opset })), { executor, batch: 2 });
    const plain = await runFile(smallNet(), random(400, 2), [2, 2, 10, 10]);
    expect(largestDifference(await forward.run(random(400, 2), 2), plain)).toBeLessThan(1e-5);
    await forward.release();
  });

  it('runs a file that was exported for one batch size at another', async () => {
    const net = new ModelBuilder({ input: [2, 4], seed: 1, batch: 1 });
    const shape = net.constant('shape', { type: 'int64', dims: [2], data: BigInt64Array.of(1n, 8n) });
    const bytes = net.layer('Reshape', [shape], {}, [8]).dense(3).build();
    const forward = await compileForward(parseModel(bytes), { executor, batch: 5 });
    const x = random(5 * 8, 4);
    const rows = await Promise.all(
      [0, 1, 2, 3, 4].map((row) => runFile(bytes, x.slice(row * 8, row * 8 + 8), [1, 2, 4])),
    );
    expect(
      largestDifference(
        await forward.run(x, 5),
        rows.flatMap((row) => [...row]),
      ),
    ).toBeLessThan(1e-5);
    await forward.release();
  });

  it('reads a single output as the second of two classes', async () => {
    const net = new ModelBuilder({ input: [6], seed: 1 }).dense(4).relu().dense(1);
    const forward = await compileForward(parseModel(net.layer('Sigmoid').build()), { executor, batch: 2 });
    const x = random(12, 9);
    const [p] = await runFile(net.build(), x, [2, 6]);
    const logits = await forward.run(x, 2);
    expect(forward.classes).toBe(2);
    expect(1 / (1 + Math.exp((logits[0] ?? 0) - (logits[1] ?? 0)))).toBeCloseTo(p ?? NaN, 5);
    await forward.release();
  });
});

describe('compileLogitGradients', () => {
  it('differentiates the chosen logits of each row', async () => {
    const model = parseModel(smallNet());
    const gradientsOf = await compileLogitGradients(model, { executor, batch: 2, seeds: 2 });
    const forward = await compileForward(model, { executor, batch: 2 });
    const x = random(3 * 200, 6);
    const result = await gradientsOf.run(x, 3, (row, logits) => {
      expect(logits).toHaveLength(3);
      return row === 0 ? [2] : row === 1 ? [] : 'all';
    });
    expect(result.gradients.map((list) => list.length)).toEqual([1, 0, 3]);
    expect(largestDifference(result.logits, await forward.run(x, 3))).toBeLessThan(1e-5);
    const direction = random(200, 8);
    for (const [row, index, chosen] of [
      [0, 0, 2],
      [2, 0, 0],
      [2, 1, 1],
      [2, 2, 2],
    ] as const) {
      const along = async (step: number) => {
        const moved = x.slice(row * 200, row * 200 + 200).map((value, i) => value + step * (direction[i] ?? 0));
        return (await forward.run(moved, 1))[chosen] ?? NaN;
      };
      const measured = ((await along(1e-3)) - (await along(-1e-3))) / 2e-3;
      const predicted = result.gradients[row]?.[index]?.reduce((sum, value, i) => sum + value * (direction[i] ?? 0), 0);
      expect(predicted).toBeCloseTo(measured, 1);
    }
    await gradientsOf.release();
    await forward.release();
  });

  it('knows the served network', () => {
    const model = parseModel(mnistCnn(1));
    expect(model).toMatchObject({
      opset: 17,
      input: { name: 'input', dims: [null, 1, 28, 28] },
      output: { dims: [null, 10] },
    });
    expect(model.operations).toEqual({ Conv: 2, Relu: 3, Flatten: 1, Gemm: 2 });
    expect(model.parameters.reduce((sum, { data }) => sum + data.length, 0)).toBe(166_406);
  });
});
