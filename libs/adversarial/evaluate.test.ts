import { beforeAll, describe, expect, it } from '@jest/globals';

import { compileForward, ModelBuilder, type OnnxModel, ortExecutor, parseModel, patchWeights } from '#onnx-autodiff';

import { argMax } from './dataset.js';
import { evaluateRobustness, type EvaluationOptions } from './evaluate.js';
import { blobs, smallCnn } from './fixtures/blobs.js';
import { trainClassifier } from './harden.js';

const executor = ortExecutor({ threads: 1 });
const data = blobs(50, 6);
const options: EvaluationOptions = {
  ...{ executor, norm: 'linf', range: [0, 1], epsilons: [0.1, 0.3], steps: 8, restarts: 2, seed: 1, batch: 16 },
};

let model: OnnxModel;
beforeAll(async () => {
  const untrained = smallCnn(3);
  const recipe = { epochs: 3, batchSize: 16, learningRate: 0.02 };
  const plan = { recipe, range: [0, 1], seed: 1 } as const;
  const { weights } = await trainClassifier(untrained, blobs(240, 1), blobs(60, 2), plan, { executor });
  model = parseModel(patchWeights(untrained, weights));
});

describe('evaluateRobustness', () => {
  it('reports accuracies that fit together', async () => {
    const seen: number[] = [];
    const report = await evaluateRobustness(model, data, { ...options, onProgress: (done) => seen.push(done) });
    const forward = await compileForward(model, { executor, batch: 10 });
    const logits = await forward.run(data.x, data.n);
    const right = [...data.y.keys()].filter((row) => argMax(logits, row, 3) === data.y[row]);
    await forward.release();

    expect(report.clean).toMatchObject({ value: right.length / data.n, n: data.n });
    const [small, large] = report.attacks;
    expect(small).toMatchObject({ epsilon: 0.1 });
    expect(small!.pgd.value).toBeLessThanOrEqual(small!.fgsm.value);
    expect(small!.pgd.value).toBeLessThan(report.clean.value);
    expect(small!.pgd.value).toBeGreaterThan(0.3);
    expect(large!.pgd.value).toBe(0);
    for (const { epsilon, pgd, fgsm, largestPerturbation } of report.attacks) {
      expect(largestPerturbation).toBeGreaterThan(epsilon * 0.99);
      expect(largestPerturbation).toBeLessThan(epsilon * (1 + 1e-5));
      for (const { value, low, high, n } of [pgd, fgsm])
        expect(low <= value && value <= high && n === data.n).toBe(true);
    }
    const total = (pick: (of: (typeof report.classes)[number]) => { value: number; n: number }) =>
      report.classes.reduce((sum, of) => sum + pick(of).value * pick(of).n, 0);
    expect(total((of) => of.clean)).toBeCloseTo(right.length, 9);
    report.attacks.forEach(({ pgd }, i) => expect(total((of) => of.pgd[i]!)).toBeCloseTo(pgd.value * data.n, 9));
    expect(report.flags).toEqual([]);
    expect(report.attack).toEqual({ steps: 8, restarts: 2 });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  it('is the same for the same seed', async () => {
    expect(await evaluateRobustness(model, data, options)).toEqual(await evaluateRobustness(model, data, options));
  });

  it('stops when told to', async () => {
    await expect(evaluateRobustness(model, data, { ...options, signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
  });

  it('refuses an evaluation of nothing', async () => {
    await expect(evaluateRobustness(model, data, { ...options, epsilons: [] })).rejects.toThrow(/epsilons/);
  });
});

describe('sanity flags', () => {
  const scaled = (change: (net: ModelBuilder) => ModelBuilder, scale: number) => {
    const trained = new Map(model.parameters.map(({ name, data }) => [name, data]));
    const net = change(new ModelBuilder({ input: [1, 6, 6], seed: 3 }));
    net.convolution(4, { kernel: 3, stride: 1, pad: 1 }).relu().flatten().dense(3);
    const factor = net.constant('factor', { type: 'float32', dims: [], data: Float32Array.of(scale) });
    const built = parseModel(net.layer('Mul', [factor]).build());
    const last = [...trained.values()];
    const weights = new Map(built.parameters.map(({ name }, i) => [name, last[i]!]));
    return parseModel(patchWeights(built, weights));
  };

  it('show a model whose softmax is saturated: its gradients are zero, its robustness is not real', async () => {
    const { flags, attacks } = await evaluateRobustness(
      scaled((net) => net, 1e5),
      data,
      options,
    );
    expect(flags.join()).toMatch(/zero gradients/);
    expect(flags.join()).toMatch(/saturated outputs: for \d+ of \d+ rows/);
    expect(attacks[0]!.fgsm.value).toBeGreaterThan(0.8); // what FGSM alone would have said
    expect(attacks[1]!.pgd.value).toBe(0); // the margin's gradient does not vanish
  });

  it('show a model whose input is rounded, which has no gradient for any loss', async () => {
    const rounded = (net: ModelBuilder) => net.layer('Round');
    const { flags } = await evaluateRobustness(scaled(rounded, 1), data, options);
    expect(flags.join()).toMatch(/zero gradients/);
  });
});
