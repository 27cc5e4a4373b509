import { describe, expect, it } from '@jest/globals';
import { loadClassifier } from './classifier.js';
import { refuseComputedSizes } from './computedSizes.js';
import { MalformedModelError } from './errors.js';
import { Graph } from './graph.js';
import { ModelBuilder } from './modelBuilder.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { floats, type Tensor } from './tensor.js';

const integers = (...values: number[]): Tensor => ({
  type: 'int64',
  dims: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

/** A classifier of 4 features, then layers that make something large of a few numbers. */
const model = (layers: (net: ModelBuilder, size: string) => void, size: number): Uint8Array => {
  const net = new ModelBuilder({ input: [4], seed: 1 }).dense(4);
  layers(net, net.constant('size', integers(size)));
  return net.build();
};
const shape = (net: ModelBuilder) => net.layer('Shape', [], {}, [1]);
const load = (bytes: Uint8Array) =>
  loadClassifier(parseModel(bytes), { batch: 2, executor: ortExecutor({ threads: 1 }) }).catch(
    (error: unknown) => error,
  );

/** By an operation whose result no runtime foresees. */
const unforeseen = (net: ModelBuilder, size: string) =>
  shape(net.layer('NonZero', [], {}, [2])).layer('Mul', [size], {}, [2]);

const hostile: [string, (net: ModelBuilder, size: string) => void][] = [
  ['a computed shape', (net, size) => void shape(net).layer('Mul', [size], {}, [2]).layer('ConstantOfShape')],
  ['a shape computed from data', (net, size) => void unforeseen(net, size).layer('ConstantOfShape')],
  [
    'two large ones, one across the other',
    (net, size) => {
      const column = net.constant('column', integers(-1, 1));
      const vector = unforeseen(net, size).layer('ReduceMax', [], { keepdims: 1 }).layer('ConstantOfShape');
      vector.layer('Reshape', [column]).residual((block) => block.layer('Transpose'));
    },
  ],
  [
    'in steps of which each looks harmless',
    (net, size) => {
      unforeseen(net, size).layer('ReduceMax', [], { keepdims: 1 }).layer('ConstantOfShape');
      for (let step = 0; step < 3; step++) shape(net).layer('Mul', [size]).layer('ConstantOfShape');
    },
  ],
];

describe('sizes that a file computes', () => {
  it.each(hostile)('%s: are refused before anything of that size is made', async (_what, layers) => {
    const before = process.memoryUsage.rss();
    const error = await load(model(layers, 60_000));
    expect(error).toBeInstanceOf(MalformedModelError);
    expect(String(error)).toMatch(/makes it too large to run/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28);
  });

  it.each(hostile)('%s: do no harm where they are small', async (_what, layers) => {
    expect(String(await load(model(layers, 2)))).not.toMatch(/too large/);
  });

  it('are given up after fifty rounds', async () => {
    const graph = new Graph();
    const x = graph.input('x', [1]);
    let last = x;
    for (let i = 0; i < 60; i++) last = graph.add('NonZero', [last], {}, undefined, 'int64');
    const known = new Set([x]);
    const runtime = {
      infer: () => Promise.resolve({ dims: (name: string) => (known.has(name) ? [1] : undefined) }),
      run: ({ outputs }: { outputs: readonly string[] }) =>
        Promise.resolve(Object.fromEntries(outputs.map((name) => [name, floats(Float32Array.of(1), [1])]))),
    };
    await expect(refuseComputedSizes(graph, { dims: () => undefined }, runtime)).rejects.toThrow(/more than 50 steps/);
  });
});
