import { describe, expect, it } from '@jest/globals';

import { ModelBuilder, ortExecutor, parseModel, patchWeights } from '#onnx-autodiff';

import { digitParts } from '../testbed/digits.js';
import { type Dataset, evaluateRobustness, hardenModel, trainClassifier } from './index.js';

const firstRows = (data: Dataset, n: number): Dataset => ({
  ...data,
  n,
  x: data.x.subarray(0, n * 784),
  y: data.y.subarray(0, n),
});

describe('hardening on handwritten digits', () => {
  it('turns a network that PGD defeats into one that stands, and keeps it accurate', async () => {
    const parts = digitParts();
    const training = firstRows(parts.training, 1200);
    const validation = firstRows(parts.validation, 100);
    const executor = ortExecutor({ threads: 1 });
    const range = [0, 1] as const;
    const threat = { norm: 'linf', epsilon: 0.1, range } as const;
    const untrained = parseModel(
      new ModelBuilder({ input: [1, 28, 28], seed: 1 })
        .convolution(8, { kernel: 4, stride: 4 })
        .relu()
        .flatten()
        .dense(32)
        .relu()
        .dense(10)
        .build(),
    );
    const plain = await trainClassifier(
      untrained,
      training,
      validation,
      { recipe: { epochs: 4, batchSize: 32, learningRate: 4e-3 }, range, seed: 1 },
      { executor },
    );
    const before = parseModel(patchWeights(untrained, plain.weights));
    const recipe = { attackSteps: 2, epochs: 4, batchSize: 32, learningRate: 8e-3, epsilonFactor: 1.25 };
    const { weights } = await hardenModel(before, training, validation, { recipe, threat, seed: 1 }, { executor });
    const after = parseModel(patchWeights(before, weights));

    const measure = async (model: typeof before) => {
      const options = {
        executor,
        norm: 'linf',
        range,
        epsilons: [threat.epsilon],
        steps: 20,
        restarts: 2,
        seed: 1,
      } as const;
      const { clean, attacks, flags } = await evaluateRobustness(model, firstRows(parts.certificate, 120), options);
      return { clean: clean.value, pgd: attacks[0]!.pgd.value, flags };
    };
    const [weak, strong] = [await measure(before), await measure(after)];
    expect(weak.clean).toBeGreaterThan(0.85);
    expect(weak.pgd).toBeLessThan(0.4);
    expect(strong.clean).toBeGreaterThan(weak.clean - 0.04);
    expect(strong.pgd).toBeGreaterThan(weak.pgd + 0.3);
    expect(strong.flags).toEqual([]);
  }, 60_000);
});
