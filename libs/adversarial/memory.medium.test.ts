import { describe, expect, it } from '@jest/globals';

import { ModelBuilder, ortExecutor, parseModel } from '#onnx-autodiff';

import { MemoryLimitError } from './errors.js';
import { fitAttack, fitTraining, memoryReport } from './memory.js';
import type { TrainingPlan } from './plan.js';
import type { Recipe } from './recipe.js';

const executor = ortExecutor({ threads: 1 });
const MIB = 2 ** 20;
/** Half a MiB a row in each of its three wide layers. */
const network = () => new ModelBuilder({ input: [2, 32, 32], seed: 1 }).convolution(128, { kernel: 3, pad: 1 });
const model = parseModel(network().relu().flatten().dense(3).build());
const plan = (recipe: Partial<Recipe> = {}): TrainingPlan => ({
  recipe: { attackSteps: 2, epochs: 2, batchSize: 48, learningRate: 0.01, epsilonFactor: 1, ...recipe },
  threat: { norm: 'linf', epsilon: 0.1, range: [0, 1] },
  seed: 1,
});
const fit = (limit: number, recipe?: Partial<Recipe>) => fitTraining(model, plan(recipe), { executor, limit });

describe('the memory of a training', () => {
  it('is taken as it is where there is enough', async () => {
    const { rows, wanted, bytes } = await fit(100_000 * MIB);
    expect([rows, wanted]).toEqual([48, 48]);
    expect(bytes).toBeGreaterThan(48 * MIB); // activations of all rows wait for the backward pass
  });

  it('makes equal parts that fit, the largest ones', async () => {
    const { bytes } = await fit(100_000 * MIB);
    const split = await fit(0.6 * bytes);
    expect(split.bytes).toBeLessThanOrEqual(0.6 * bytes);
    expect([8, 12, 16, 24]).toContain(split.rows);
    expect(memoryReport(split).split).toMatch(/^\d+ of 48 rows at a time: all at once would need about \d+ MiB/);
    expect((await fit(0.3 * bytes)).rows).toBeLessThan(split.rows);
    expect(memoryReport(await fit(2 * bytes)).split).toBeNull();
  });

  it('is refused where not even one row fits', async () => {
    await expect(fit(MIB)).rejects.toThrow(MemoryLimitError);
    await expect(fit(MIB)).rejects.toThrow(/even one row at a time would need about \d+ MiB of memory, and 1 MiB may/);
    await expect(fit(-5)).rejects.toThrow(MemoryLimitError);
  });

  it('is not split where the network follows the statistics of the batch', async () => {
    const normalized = parseModel(network().batchNormalization().relu().flatten().dense(3).build());
    const following = plan({ batchStatistics: true });
    const whole = await fitTraining(normalized, following, { executor, limit: 100_000 * MIB });
    const limit = 0.6 * whole.bytes;
    await expect(fitTraining(normalized, following, { executor, limit })).rejects.toThrow(
      /batch statistics need the whole/,
    );
    expect((await fitTraining(normalized, plan(), { executor, limit })).rows).toBeLessThan(48);
  });
});

describe('the memory of an attack', () => {
  it('makes batches smaller, whatever their size', async () => {
    const attack = (limit: number) => fitAttack(model, { executor, norm: 'linf', rows: 37, limit });
    const { rows, bytes } = await attack(100_000 * MIB);
    expect(rows).toBe(37);
    expect((await attack(0.6 * bytes)).rows).toBe(18);
    await expect(attack(MIB)).rejects.toThrow(MemoryLimitError);
  });
});
