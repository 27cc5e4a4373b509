import { describe, expect, it } from '@jest/globals';
import { bakeWeights, type Classifier, loadClassifier, weightInputs } from '../classifier.js';
import { gradients } from '../gradients.js';
import { Graph } from '../graph.js';
import { ModelBuilder, mnistCnn } from '../modelBuilder.js';
import { ortExecutor } from '../ortExecutor.js';
import { parseModel } from '../parseModel.js';
import { normalStream } from '../random.js';
import { elementCount, floats } from '../tensor.js';
import type { Executor } from '../executor.js';

const executor = ortExecutor({ threads: 1 });
const small = (input: number[] = [3, 12, 8]) => new ModelBuilder({ input, seed: 5 });

const networks: Record<string, ModelBuilder> = {
  'strided convolutions': small()
    .convolution(8, { kernel: 4, stride: 2, pad: 1 })
    .relu()
    .convolution(16, { kernel: 4, stride: 2, pad: 1 })
    .relu()
    .flatten()
    .dense(10)
    .relu()
    .dense(4),
  'max pools over Winograd convolutions': small([3, 16, 8])
    .convolution(16, { kernel: 5, pad: 2 })
    .relu()
    .maxPool({ kernel: 2, stride: 2 })
    .convolution(16, { kernel: 3, pad: 1 })
    .relu()
    .maxPool({ kernel: 2, stride: 2 })
    .flatten()
    .dense(4),
  'residual blocks with batch normalisation': small([3, 8, 8])
    .convolution(16, { kernel: 3, pad: 1 })
    .batchNormalization()
    .relu()
    .residual((block) =>
      block
        .convolution(24, { kernel: 3, pad: 1, stride: 2 })
        .batchNormalization()
        .relu()
        .convolution(24, { kernel: 3, pad: 1 })
        .batchNormalization(),
    )
    .relu()
    .batchNormalization()
    .globalAveragePool()
    .flatten()
    .dense(4),
  'operations without a rule in the middle': small()
    .convolution(16, { kernel: 3, pad: 1 })
    .relu()
    .convolution(16, { kernel: 3, pad: 1 }, 4)
    .layer('LRN', [], { size: 3 })
    .convolution(16, { kernel: 3, pad: 1 })
    .layer('LeakyRelu', [], { alpha: 0.1 })
    .convolution(8, { kernel: 1 })
    .averagePool({ kernel: 2, stride: 2 })
    .flatten()
    .dense(4),
};

/** Logits, and the gradients of their product with noise by the input and all parameters. */
async function outputs(classifier: Classifier): Promise<Map<string, Float32Array>> {
  const asInFile = (name: string, data: Float32Array) => classifier.toFile(new Map([[name, data]])).get(name)!;
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const x = graph.input('@x', classifier.inputDims);
  const logits = classifier.instantiate(graph, x, weights, 'pass/');
  const noise = (dims: readonly number[], seed: number) =>
    Float32Array.from({ length: elementCount(dims) }, normalStream(seed));
  const adjoint = graph.constant(noise(graph.dims(logits), 8), graph.dims(logits));
  const names = [...classifier.parameters.keys()];
  const wrt = [x, ...names.map((name) => weights.get(name)!)];
  const slopes = gradients(graph, new Map([[logits, adjoint]]), wrt);
  graph.output(logits, '@logits');
  for (const [i, tensor] of wrt.entries()) graph.output(slopes.get(tensor)!, `d ${names[i - 1] ?? 'x'}`);
  const compiled = await executor.compile(graph);
  const feeds = Object.fromEntries(
    [...classifier.parameters, ...classifier.statistics].map(([name, { dims, data }], i) => {
      // Away from 0 and 1, so that biases and statistics matter.
      const noisy = asInFile(name, data as Float32Array).map((value, k) => value + 0.1 * Math.abs(Math.sin(i + k)));
      return [weights.get(name)!, floats(classifier.toLayout(new Map([[name, noisy]])).get(name)!, dims)];
    }),
  );
  const results = await compiled.run({ ...feeds, '@x': floats(noise(classifier.inputDims, 9), classifier.inputDims) });
  await compiled.release();
  return new Map(
    Object.entries(results).map(([name, { data }]) => [name, asInFile(name.replace(/^d /, ''), data as Float32Array)]),
  );
}

function difference(a: Float32Array, b: Float32Array): number {
  const norm = (values: Float32Array) => Math.hypot(...values);
  return norm(a.map((value, i) => value - b[i]!)) / norm(a);
}

describe('batch-last layout', () => {
  it.each(Object.entries(networks))('gives the logits and all gradients of the plain one: %s', async (_, net) => {
    const model = parseModel(net.build());
    const [plain, fast] = [
      await loadClassifier(model, { batch: 17, executor, lowering: 'plain' }),
      await loadClassifier(model, { batch: 17, executor, lowering: 'fast' }),
    ];
    expect(plain.lowering).toEqual({ kind: 'plain', why: 'plain was asked for' });
    expect(fast.lowering).toEqual({ kind: 'fast' });
    const [expected, found] = [await outputs(plain), await outputs(fast)];
    expect([...found.keys()]).toEqual([...expected.keys()]);
    for (const [name, values] of expected)
      expect({ name, close: difference(values, found.get(name)!) < 1e-4 }).toEqual({ name, close: true });
  });

  it('says why a network stays as it is', async () => {
    const dense = parseModel(small([6]).dense(8).relu().dense(3).build());
    const load = (model = dense, by: Executor = executor) =>
      loadClassifier(model, { batch: 16, executor: by, lowering: 'fast' });
    expect((await load()).lowering).toMatchObject({
      why: 'it has no convolution that another algorithm computes faster',
    });
    const cnn = parseModel(mnistCnn(1));
    const { lowering } = await loadClassifier(cnn, { batch: 15, executor, lowering: 'fast' });
    expect(lowering).toMatchObject({ why: 'a batch of 15 is too small for faster operations' });
    const other: Executor = { name: 'other', compile: (graph) => executor.compile(graph) };
    expect((await load(cnn, other)).lowering).toMatchObject({ why: 'other has no faster operations' });
  });

  it('runs the plain form where the fast one gives something else', async () => {
    const broken: Executor = {
      name: 'broken',
      batchLast: true,
      async compile(graph) {
        const compiled = await executor.compile(graph);
        const scale = graph.nodes.some(({ op }) => op === 'BatchLastConv') ? 1.01 : 1;
        return {
          ...compiled,
          run: async (feeds) => {
            const results = await compiled.run(feeds);
            (results['@logits']?.data as Float32Array | undefined)?.forEach(
              (value, i, all) => (all[i] = value * scale),
            );
            return results;
          },
        };
      },
    };
    const model = parseModel(mnistCnn(1));
    const { lowering } = await loadClassifier(model, { batch: 16, executor: broken, lowering: 'fast' });
    expect(lowering.kind === 'plain' && lowering.why).toMatch(
      /^its logits differ by 9\.\de-3|^its logits differ by 1\.0e-2/,
    );
  });

  it('bakes weights too', async () => {
    const classifier = await loadClassifier(parseModel(mnistCnn(1)), { batch: 16, executor, lowering: 'fast' });
    const graph = new Graph();
    const x = graph.input('@x', classifier.inputDims);
    graph.output(classifier.instantiate(graph, x, bakeWeights(graph, classifier), ''), 'logits');
    expect(graph.inputs).toEqual(['@x']);
  });
});
