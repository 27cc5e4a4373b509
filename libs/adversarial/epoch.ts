import type { Classifier } from '#onnx-autodiff';

import { augment } from './augment.js';
import { averaged } from './averaging.js';
import type { TrainingState } from './checkpoint.js';
import { type Dataset, gatherRows, oneHot } from './dataset.js';
import { random, type Random, shuffled } from './random.js';
import { learningRate, trainingEpsilon } from './schedule.js';
import { unitBallNoise } from './threatModel.js';
import type { TrainingHooks, TrainingPlan } from './plan.js';
import type { CompiledTraining, TrainingBatch } from './trainingGraph.js';

export interface EpochEnd {
  /** The number of this epoch, counted from 1. */
  epoch: number;
  state: TrainingState;
  /** The same, to be taken up by `runEpoch` again: validation can be interrupted too. */
  resumable: TrainingState;
  /** Steps done in this call. */
  steps: number;
  loss: number;
  accuracy: number;
  notANumber: boolean;
  outOfTime: boolean;
}

const PROGRESS_EVERY = 20;

/**
 * One pass over the training rows in random order, or the rest of one that was interrupted; an incomplete last batch is
 * left for another epoch's order. Ends early when the signal is aborted.
 */
export async function runEpoch(
  trainer: CompiledTraining,
  { classes, inputDims, toLayout, toFile }: Classifier,
  data: Dataset,
  { recipe, threat }: TrainingPlan,
  start: TrainingState,
  { onProgress, progressEvery = PROGRESS_EVERY, signal, timeBudgetSeconds = Infinity }: TrainingHooks,
  { now, started }: { now: () => number; started: number },
): Promise<EpochEnd> {
  const { order, orderFrom, stream, firstStep, whole } = beginEpoch(start, data.n);
  const batch = recipe.batchSize;
  const perEpoch = Math.floor(data.n / batch);
  const totalSteps = perEpoch * recipe.epochs;
  const { backOffs, overfittedAt } = start;
  const peak = recipe.learningRate / 2 ** backOffs;
  const epsilon = threat.epsilon * recipe.epsilonFactor;
  let recent = mean();
  let state: TrainingState = { ...moved(start, toLayout), interrupted: null };
  const epoch = start.epoch + 1;
  const timing = etaClock(now, start.step, totalSteps);
  const end = (steps: number, rest: Partial<EpochEnd> = {}): EpochEnd => {
    const reached = { ...moved(state, toFile), random: stream.state() };
    return {
      epoch,
      state: reached,
      resumable: { ...reached, interrupted: { steps, order: orderFrom, ...whole.sums() } },
      steps: steps - firstStep,
      ...whole.values(),
      notANumber: false,
      outOfTime: false,
      ...rest,
    };
  };

  for (let step = firstStep; step < perEpoch; step++) {
    if (signal?.aborted) return end(step);
    const rows = order.subarray(step * batch, (step + 1) * batch);
    const progress = (start.step - firstStep + step + 0.5) / totalSteps;
    const result = await trainer.step(
      {
        ...trainingRows(data, rows, { classes, inputDims }, { recipe, threat }, stream),
        epsilon: trainingEpsilon(progress, epsilon),
        learningRate: learningRate(progress, peak),
      },
      state,
    );
    state = { ...state, ...result.state };
    if (recipe.averaging) state.averages = averaged(state.averages, state.weights, recipe.averaging, state.step);
    if (!Number.isFinite(result.loss)) return end(step + 1, { notANumber: true });
    whole.add(result);
    recent.add(result);
    if ((step + 1) % progressEvery === 0 || step + 1 === perEpoch) {
      const robustAccuracy = start.history.at(-1)?.validation?.robust ?? null;
      const done = { step: state.step, totalSteps, epoch, epochs: recipe.epochs, backOffs, overfittedAt };
      onProgress?.({ ...done, ...recent.values(), robustAccuracy, etaSeconds: timing.secondsLeft(state.step) });
      recent = mean();
    }
    if (now() - started > timeBudgetSeconds * 1000) return end(step + 1, { outOfTime: true });
  }
  return end(perEpoch);
}

/** The same with all tensors in another layout: between epochs they lie as in the file, whatever computes the next one. */
const moved = (state: TrainingState, move: Classifier['toFile']): TrainingState => ({
  ...state,
  weights: move(state.weights),
  firstMoments: move(state.firstMoments),
  secondMoments: move(state.secondMoments),
  averages: move(state.averages),
});

/** The rows of one batch, changed by chance where the recipe wants it, and where their attack starts. */
function trainingRows(
  { x, y, n }: Dataset,
  rows: Int32Array,
  { classes, inputDims }: Pick<Classifier, 'classes' | 'inputDims'>,
  {
    recipe: { batchSize: batch, augmentation, attackSteps },
    threat: { norm, range },
  }: Pick<TrainingPlan, 'recipe' | 'threat'>,
  stream: Random,
): Pick<TrainingBatch, 'x' | 'labels' | 'noise'> {
  const gathered = gatherRows(x, rows, x.length / n, batch);
  return {
    x: augmentation ? augment(gathered, inputDims.slice(1), range[0], augmentation, stream) : gathered,
    labels: oneHot(y, rows, classes, batch),
    noise: unitBallNoise(norm, attackSteps > 0 ? batch : 0, x.length / n, stream),
  };
}

function beginEpoch({ interrupted, random: state }: TrainingState, rows: number) {
  const orderFrom = interrupted?.order ?? state;
  const shuffling = random(orderFrom);
  return {
    order: shuffled(rows, shuffling),
    orderFrom,
    stream: interrupted ? random(state) : shuffling,
    firstStep: interrupted?.steps ?? 0,
    whole: mean(interrupted ?? undefined),
  };
}

function mean(start = { steps: 0, loss: 0, accuracy: 0 }) {
  let { steps: count, loss, accuracy } = start;
  return {
    add(step: { loss: number; accuracy: number }) {
      count++;
      loss += step.loss;
      accuracy += step.accuracy;
    },
    sums: () => ({ loss, accuracy }),
    values: () => ({ loss: count ? loss / count : 0, accuracy: count ? accuracy / count : 0 }),
  };
}

function etaClock(now: () => number, firstStep: number, totalSteps: number) {
  const began = now();
  return {
    secondsLeft: (step: number) => ((now() - began) / 1000 / Math.max(1, step - firstStep)) * (totalSteps - step),
  };
}
