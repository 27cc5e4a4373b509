import { describe, expect, it } from '@jest/globals';
import { compileForward } from './forward.js';
import { compileLogitGradients } from './logitGradients.js';
import { ModelBuilder } from './modelBuilder.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { patchWeights } from './patchWeights.js';
import { normalStream } from './random.js';
import { takingRawRows } from './standardize.js';

const dims = [3, 4, 4];
const size = 48;
const model = parseModel(
  new ModelBuilder({ input: dims, seed: 3 }).convolution(4, { kernel: 3 }).relu().flatten().dense(5).build(),
);
const standardization = { mean: [0.4, 0.5, 0.6], deviation: [0.2, 0.25, 0.5], axis: 0 };
const raw = takingRawRows(model, standardization);
const next = normalStream(4);
const x = Float32Array.from({ length: 2 * size }, () => 0.5 + 0.2 * next());
const channel = (at: number) => Math.floor((at % size) / 16);
const standard = x.map(
  (value, at) => (value - standardization.mean[channel(at)]!) / standardization.deviation[channel(at)]!,
);
const options = { batch: 2, executor: ortExecutor({ threads: 1 }) };

describe('a model that takes raw rows', () => {
  it('says what the original says of standardised ones', async () => {
    const [of, plain] = [await compileForward(raw, options), await compileForward(model, options)];
    const [got, expected] = [await of.run(x, 2), await plain.run(standard, 2)];
    got.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 5));
    await of.release();
    await plain.release();
  });

  it('has gradients in raw units: those of the original, divided by the deviation', async () => {
    const settings = { ...options, seeds: 1 };
    const [of, plain] = [await compileLogitGradients(raw, settings), await compileLogitGradients(model, settings)];
    const [got, expected] = [await of.run(x, 2, () => [1]), await plain.run(standard, 2, () => [1])];
    got.gradients[1]![0]!.forEach((value, at) =>
      expect(value).toBeCloseTo(expected.gradients[1]![0]![at]! / standardization.deviation[channel(at)]!, 4),
    );
    await of.release();
    await plain.release();
  });

  it('has the parameters and the file of the original', () => {
    expect(raw.parameters).toEqual(model.parameters);
    expect(patchWeights(raw, new Map())).toEqual(model.bytes);
  });
});
