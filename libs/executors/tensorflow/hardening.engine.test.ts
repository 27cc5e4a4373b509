import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hardenModel, evaluateRobustness, type TrainingResult } from '#adversarial';
import { pickRows } from '#artifacts';
import { type Executor, ModelBuilder, type OnnxModel, ortExecutor, parseModel, patchWeights } from '#onnx-autodiff';
import { digits } from '#testbed';
import { tensorFlowExecutor } from './executor.js';
import type { TensorFlow } from './native.js';
import { engine, nativeCalls } from './testing/engine.js';

jest.setTimeout(120_000);

const threat = { norm: 'linf', epsilon: 0.1, range: [0, 1] } as const;
const recipe = {
  attackSteps: 2,
  epochs: 6,
  batchSize: 32,
  learningRate: 5e-3,
  epsilonFactor: 1.25,
  name: 'pgd',
} as const;
/** The file has one digit after the other: every ninth row. */
const rows = (from: number, count: number) =>
  pickRows(
    digits(),
    Array.from({ length: count }, (_, i) => from + 9 * i),
  );
const [training, validation, test] = [rows(0, 960), rows(1, 100), rows(2, 300)];

let tf: TensorFlow;
let executor: Executor;
let model: OnnxModel;

beforeAll(() => {
  tf = engine();
  executor = tensorFlowExecutor(tf);
  const builder = new ModelBuilder({ input: [1, 28, 28], seed: 5 });
  const features = builder.convolution(8, { kernel: 5, stride: 2, pad: 2 }).relu().maxPool({ kernel: 2, stride: 2 });
  model = parseModel(features.flatten().dense(32).relu().dense(10).build());
});

const harden = (on: Executor): Promise<TrainingResult> =>
  hardenModel(model, training, validation, { recipe, threat, seed: 7 }, { executor: on });

describe('a whole hardening on TensorFlow', () => {
  it('runs natively, frees what it used, and gives a model that withstands attacks', async () => {
    expect(tf.getBackend()).toBe('tensorflow');
    const before = tf.memory().numTensors;
    let result: TrainingResult | undefined;
    const calls = await nativeCalls(tf, async () => {
      result = await harden(executor);
    });
    expect(tf.memory().numTensors).toBe(before);
    expect(calls.get('Conv2D')).toBeGreaterThan(100);
    expect(calls.get('Conv2DBackpropFilter')).toBeGreaterThan(100);

    const hard = parseModel(patchWeights(model, result!.weights));
    // Judged by the other executor: the model is what counts, not who made it.
    const strength = {
      norm: threat.norm,
      range: threat.range,
      epsilons: [threat.epsilon],
      steps: 10,
      restarts: 1,
      seed: 1,
    };
    const report = await evaluateRobustness(hard, test, { ...strength, executor: ortExecutor({ threads: 1 }) });
    const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
    const gpu = tf.backend().isUsingGpuDevice ? 'on a GPU' : 'on the CPU: there is no GPU, or none that it can use';
    process.stderr.write(
      `TensorFlow ${tf.backend().binding.TF_Version} ${gpu}; ${total} native calls; ` +
        `${(100 * report.clean.value).toFixed(1)} % clean, ${(100 * report.attacks[0]!.pgd.value).toFixed(1)} % under PGD\n`,
    );
    expect(report.clean.value).toBeGreaterThan(0.8);
    expect(report.attacks[0]!.pgd.value).toBeGreaterThan(0.5);
    expect(executor.name).toBe(tf.backend().isUsingGpuDevice ? 'tensorflow-gpu' : 'tensorflow-cpu');
  });

  it('begins as on ONNX Runtime: the losses of the first epoch agree', async () => {
    const [ours, reference] = [await harden(executor), await harden(ortExecutor({ threads: 1 }))];
    expect(ours.report.epochs[0]!.loss / reference.report.epochs[0]!.loss).toBeCloseTo(1, 1);
  });
});
