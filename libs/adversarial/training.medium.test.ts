import { describe, expect, it } from '@jest/globals';

import {
  type CompiledGraph,
  type Executor,
  ModelBuilder,
  ortExecutor,
  patchWeights,
  parseModel,
  scalar,
} from '#onnx-autodiff';

import { blobs, smallCnn } from './fixtures/blobs.js';
import { hardenModel, trainClassifier } from './harden.js';
import type { TrainingHooks, TrainingPlan, TrainingProgress } from './plan.js';
import type { Recipe } from './recipe.js';

const executor = ortExecutor({ threads: 1 });
const training = blobs(240, 1);
const validation = blobs(60, 2);
const plan: TrainingPlan = {
  recipe: { attackSteps: 2, epochs: 4, batchSize: 32, learningRate: 0.02, epsilonFactor: 1.25 },
  threat: { norm: 'linf', epsilon: 0.08, range: [0, 1] },
  seed: 1,
};
const harden = (hooks: TrainingHooks & { executor?: Executor } = {}, changes: Partial<TrainingPlan> = {}) =>
  hardenModel(smallCnn(3), training, validation, { ...plan, ...changes }, { executor, ...hooks });

function memory() {
  const saved: Uint8Array[] = [];
  return {
    saved,
    load: () => Promise.resolve(saved.at(-1)),
    save: (bytes: Uint8Array) => Promise.resolve(void saved.push(bytes)),
  };
}

describe('training', () => {
  it('gives the same weights for the same seed, and others for another', async () => {
    const [first, second, other] = [await harden(), await harden(), await harden({}, { seed: 2 })];
    expect(second.weights).toEqual(first.weights);
    expect(other.weights).not.toEqual(first.weights);
  });

  it.each([
    ['in its first epoch', 2, 0],
    ['between the last step of an epoch and its validation', 14, 1],
    ['in a later epoch', 24, 3],
  ])('goes on after an interruption %s as if it had not been there', async (_where, lastStep, epochs) => {
    const whole = await harden();
    const checkpoint = memory();
    const stop = new AbortController();
    const onProgress = ({ step }: TrainingProgress) => step === lastStep && stop.abort();
    const hooks = { checkpoint, onProgress, progressEvery: 1 };
    await expect(harden({ ...hooks, signal: stop.signal })).rejects.toThrow(/abort/);
    expect(checkpoint.saved.length).toBe(epochs + 1);
    const steps: number[] = [];
    const resumed = await harden({ checkpoint, progressEvery: 1, onProgress: ({ step }) => steps.push(step) });
    expect(steps[0]).toBe(lastStep + 1);
    expect(resumed.report.resumedAtEpoch).toBe(epochs);
    expect(resumed.weights).toEqual(whole.weights);
    expect(resumed.report.epochs).toEqual(whole.report.epochs);
  });

  it('does not start anew where it was told to go on', async () => {
    const checkpoint = memory();
    await expect(harden({ checkpoint, requireCheckpoint: true })).rejects.toThrow(/no checkpoint/);
    await harden({ checkpoint });
    await expect(harden({ checkpoint, requireCheckpoint: true }, { seed: 2 })).rejects.toThrow(/another run/);
    expect((await harden({ checkpoint, requireCheckpoint: true })).report.resumedAtEpoch).toBe(plan.recipe.epochs);
  });

  it('takes a finished checkpoint for the result, and that of another run for none', async () => {
    const checkpoint = memory();
    const first = await harden({ checkpoint });
    const again = await harden({ checkpoint });
    expect(again.report.resumedAtEpoch).toBe(plan.recipe.epochs);
    expect(again.weights).toEqual(first.weights);
    expect((await harden({ checkpoint }, { seed: 2 })).report.resumedAtEpoch).toBe(0);
  });

  it('says how far it is', async () => {
    const seen: TrainingProgress[] = [];
    let clock = 0;
    await harden({ onProgress: (progress) => seen.push(progress), progressEvery: 3, now: () => (clock += 100) });
    const steps = 7 * 4;
    expect(seen.at(-1)).toMatchObject({
      step: steps,
      totalSteps: steps,
      epoch: 4,
      epochs: 4,
      etaSeconds: 0,
      backOffs: 0,
    });
    expect(seen.map(({ step }) => step)).toEqual([3, 6, 7, 10, 13, 14, 17, 20, 21, 24, 27, 28]);
    expect(seen[0]!.robustAccuracy).toBeNull();
    expect(seen.at(-1)!.robustAccuracy).toBeGreaterThan(0);
    expect(seen[0]!.etaSeconds).toBeGreaterThan(seen.at(-2)!.etaSeconds);
    expect(seen.at(-1)!.loss).toBeLessThan(seen[0]!.loss);
  });

  it('is as good by the fast lowering, and says which one it took and why', async () => {
    const [plain, fast] = [(await harden({ lowering: 'plain' })).report, (await harden()).report];
    expect(plain.lowering).toEqual({ kind: 'plain', why: 'plain was asked for' });
    expect(fast.lowering).toEqual({ kind: 'fast' });
    expect(fast.epochs[0]!.loss).toBeCloseTo(plain.epochs[0]!.loss, 3);
    const best = ({ epochs, chosenEpoch }: typeof plain) => epochs[chosenEpoch - 1]!.validation!.robust;
    expect(best(fast)).toBeGreaterThan(0.8);
    expect(Math.abs(best(fast) - best(plain))).toBeLessThan(0.05);
    const other: Executor = { name: 'other', compile: (graph) => executor.compile(graph) };
    const { report } = await hardenModel(smallCnn(3), training, validation, plan, { executor: other });
    expect(report.lowering).toEqual({ kind: 'plain', why: 'other has no faster operations' });
  });

  it('ends with what it has when the time is up', async () => {
    let clock = 0;
    const { report, weights } = await harden({ timeBudgetSeconds: 1, now: () => (clock += 100) });
    expect(report.endedBy).toBe('time budget');
    expect(report.epochs.length).toBe(2);
    expect(report.chosenEpoch).toBe(2);
    expect(patchWeights(smallCnn(3), weights)).not.toEqual(smallCnn(3).bytes);
  });

  it('takes the epoch that was best on the validation rows', async () => {
    const { report } = await harden();
    const robust = report.epochs.map(({ validation }) => validation?.robust ?? -1);
    expect(robust[report.chosenEpoch - 1]).toBe(Math.max(...robust));
    expect(report.epochs[0]!.validation).toBeNull(); // still warming up
  });

  it('begins anew with half the learning rate when the loss is not a number', async () => {
    const rates: number[] = [];
    const breaking: Executor = {
      ...executor,
      compile: async (graph) => {
        const compiled = await executor.compile(graph);
        if (!graph.outputs.includes('@loss')) return compiled;
        const run: CompiledGraph['run'] = async (feeds) => {
          const outputs = await compiled.run(feeds);
          rates.push(feeds['@learningRate']!.data[0] as number);
          return rates.length === 9 ? { ...outputs, '@loss': scalar(NaN) } : outputs;
        };
        return { ...compiled, run };
      },
    };
    const { report } = await hardenModel(smallCnn(3), training, validation, plan, { executor: breaking });
    expect(report).toMatchObject({ backOffs: 1, endedBy: 'schedule' });
    expect(report.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(rates.length).toBe(9 + 28);
    expect(rates[9]).toBeCloseTo(rates[0]! / 2, 9);
  });

  it.each([
    ['a constant predictor', 1000],
    ['overflow', 3e38],
  ])('gives up, and says so, when it ends in %s every time', async (_end, learningRate) => {
    const run = harden({}, { recipe: { ...plan.recipe, learningRate } });
    await expect(run).rejects.toThrow(expect.objectContaining({ name: 'TrainingCollapsedError' }));
  });

  it('without attacks learns to classify', async () => {
    const recipe = { epochs: 4, batchSize: 16, learningRate: 0.02 };
    const { report, weights } = await trainClassifier(
      smallCnn(3),
      training,
      validation,
      { recipe, range: [0, 1], seed: 1 },
      { executor },
    );
    expect(report.epochs.at(-1)!.validation!.clean).toBeGreaterThan(0.95);
    expect(parseModel(patchWeights(smallCnn(3), weights)).parameters.length).toBe(weights.size);
  });

  const bad: [string, () => Promise<unknown>][] = [
    ['recipe.attackSteps', () => harden({}, { recipe: { ...plan.recipe, attackSteps: 0 } })],
    ['recipe.batchSize', () => harden({}, { recipe: { ...plan.recipe, batchSize: 1000 } })],
    ['threat.epsilon', () => harden({}, { threat: { ...plan.threat, epsilon: 0 } })],
    [
      'training',
      () => hardenModel(smallCnn(3), { ...training, y: training.y.map(() => 9) }, validation, plan, { executor }),
    ],
    [
      'validation.x',
      () =>
        hardenModel(smallCnn(3), training, { ...validation, x: validation.x.map((v) => v - 1) }, plan, { executor }),
    ],
  ];
  it.each(bad)('refuses a bad %s by name', async (field, run) => {
    await expect(run()).rejects.toThrow(expect.objectContaining({ field }));
  });

  it.each([
    ['trades', { name: 'trades', beta: 3 }],
    ['fgsm-rs', { name: 'fgsm-rs', attackSteps: 1 }],
    [
      'sgd, decay, clipping and smoothing',
      { optimizer: 'sgd', learningRate: 0.1, weightDecay: 1e-3, clipNorm: 5, labelSmoothing: 0.05 },
    ],
    [
      'a running mean of the weights and turned pictures',
      { averaging: 0.8, augmentation: { shift: 0, flip: true, channelsLast: false } },
    ],
  ] as [string, Partial<Recipe>][])(
    'makes a network robust with %s, the same for the same seed',
    async (_what, changes) => {
      const recipe = { ...plan.recipe, epochs: 6, ...changes };
      const [first, second] = [await harden({}, { recipe }), await harden({}, { recipe })];
      expect(second.weights).toEqual(first.weights);
      const chosen = first.report.epochs.find(({ epoch }) => epoch === first.report.chosenEpoch)!;
      expect(chosen.validation!.robust).toBeGreaterThan(0.8);
      expect(first.report.endedBy).toBe('schedule');
    },
  );

  it('is as good with a slow running mean of the weights, however few the steps', async () => {
    const best = async (averaging?: number) => {
      const { report } = await harden({}, { recipe: { ...plan.recipe, averaging } });
      return report.epochs[report.chosenEpoch - 1]!.validation!.robust;
    };
    expect(await best(0.999)).toBeGreaterThanOrEqual((await best()) - 0.02);
  });

  describe('of a network with batch normalisation', () => {
    const net = new ModelBuilder({ input: [1, 6, 6], seed: 3 });
    const convolved = net.convolution(4, { kernel: 3, pad: 1 }).batchNormalization().relu();
    const model = parseModel(convolved.flatten().dense(3).build());
    const statistics = new Set(model.statistics.map(({ name }) => name));
    const hardened = (batchStatistics: boolean, hooks: TrainingHooks = {}) =>
      hardenModel(
        model,
        training,
        validation,
        { ...plan, recipe: { ...plan.recipe, batchStatistics } },
        { executor, ...hooks },
      );

    it('writes running statistics back only where the recipe lets them follow', async () => {
      const [still, following] = [await hardened(false), await hardened(true)];
      expect([...still.weights.keys()].filter((name) => statistics.has(name))).toEqual([]);
      expect([...following.weights.keys()].filter((name) => statistics.has(name))).toEqual([...statistics]);
      const after = parseModel(patchWeights(model, following.weights));
      for (const [i, { data }] of after.statistics.entries()) expect(data).not.toEqual(model.statistics[i]!.data);
      for (const { report } of [still, following])
        expect(report.epochs[report.chosenEpoch - 1]!.validation!.robust).toBeGreaterThan(0.8);
    });

    it('takes them up again after an interruption', async () => {
      const whole = await hardened(true);
      const checkpoint = memory();
      const stop = new AbortController();
      const onProgress = ({ step }: TrainingProgress) => step === 10 && stop.abort();
      await expect(hardened(true, { checkpoint, onProgress, progressEvery: 1, signal: stop.signal })).rejects.toThrow(
        /abort/,
      );
      expect((await hardened(true, { checkpoint })).weights).toEqual(whole.weights);
    });
  });

  describe('where one attack step is too few', () => {
    const wide = (name: 'fgsm-rs' | 'pgd', attackSteps: number): Partial<TrainingPlan> => ({
      recipe: { ...plan.recipe, name, attackSteps, epochs: 6 },
      threat: { ...plan.threat, epsilon: 0.2 },
    });

    it.each(['fgsm-rs', 'pgd'] as const)('%s says so, and takes several from then on', async (name) => {
      const stepSizes: number[] = [];
      const watched: Executor = {
        ...executor,
        compile: async (graph) => {
          const compiled = await executor.compile(graph);
          const run: CompiledGraph['run'] = (feeds) => {
            if (graph.outputs.includes('@loss'))
              stepSizes.push((feeds['@stepSize']!.data[0] as number) / (feeds['@epsilon']!.data[0] as number));
            return compiled.run(feeds);
          };
          return { ...compiled, run };
        },
      };
      const { report } = await harden({ executor: watched }, wide(name, 1));
      const ratios = report.epochs.map(({ validation }) => (validation ? validation.robust / validation.fgsm : 1));
      const first = ratios.findIndex((ratio) => ratio < 0.7) + 1;
      expect(report).toMatchObject({ overfittedAt: first, endedBy: 'schedule', epochs: { length: 6 } });
      expect(first).toBeGreaterThan(0);
      expect(first).toBeLessThan(6);
      const stepsOfOne = stepSizes.filter((size) => Math.abs(size - 1.25) < 1e-3).length;
      expect(stepsOfOne).toBe(7 * first);
      expect(stepSizes.slice(stepsOfOne).every((size) => Math.abs(size - 0.5) < 1e-3)).toBe(true); // of three
    });

    it('goes on with several after an interruption', async () => {
      const whole = await harden({}, wide('pgd', 1));
      const checkpoint = memory();
      const stop = new AbortController();
      const onProgress = ({ overfittedAt }: TrainingProgress) => overfittedAt !== null && stop.abort();
      const stopped = harden({ checkpoint, onProgress, progressEvery: 2, signal: stop.signal }, wide('pgd', 1));
      await expect(stopped).rejects.toThrow(/abort/);
      const resumed = await harden({ checkpoint }, wide('pgd', 1));
      expect(resumed.weights).toEqual(whole.weights);
      expect(resumed.report.epochs).toEqual(whole.report.epochs);
      expect(resumed.report.overfittedAt).toBe(whole.report.overfittedAt);
    });

    it('leaves recipes of several steps alone', async () => {
      expect((await harden({}, wide('pgd', 2))).report.overfittedAt).toBeNull();
    });
  });
});
