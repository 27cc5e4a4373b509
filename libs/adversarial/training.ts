import { createHash } from 'node:crypto';

import { type Classifier, type Executor, loadClassifier, type LoweringChoice, type OnnxModel } from '#onnx-autodiff';

import {
  decodeCheckpoint,
  encodeCheckpoint,
  type EpochResult,
  type Tensors,
  type TrainingState,
} from './checkpoint.js';
import { checkRows, type Dataset, largestCount } from './dataset.js';
import { CheckpointError, requireThat, TrainingCollapsedError } from './errors.js';
import { type EpochEnd, runEpoch } from './epoch.js';
import { attackStepsOf, overfitsOneStep } from './overfitting.js';
import type { TrainingHooks, TrainingPlan } from './plan.js';
import { random } from './random.js';
import { checkRecipe, type Recipe } from './recipe.js';
import { WARM_UP } from './schedule.js';
import { checkInRange, checkThreat } from './threatModel.js';
import { compileSplitTraining } from './splitTraining.js';
import { compileTraining } from './trainingGraph.js';
import { compileValidator, type Validation } from './validation.js';

export interface TrainingResult {
  weights: Tensors;
  report: TrainingReport;
}

export interface TrainingReport {
  epochs: readonly EpochResult[];
  /** The epoch whose weights were taken, the best on the validation part. */
  chosenEpoch: number;
  /** Finished epochs found in a checkpoint, 0 for a fresh start. */
  resumedAtEpoch: number;
  backOffs: number;
  /** The epoch that showed one attack step to be too few (`overfitsOneStep`); those after it took more. */
  overfittedAt: number | null;
  endedBy: 'schedule' | 'time budget';
  /** How the network was computed; where not the fast way, why. */
  lowering: LoweringChoice;
  /** Fewer than the batch has: its gradient is the mean over parts of so many rows. */
  rowsAtOnce: number;
  seconds: number;
  imagesPerSecond: number;
}

const MAX_BACK_OFFS = 3;

export async function train(
  model: OnnxModel,
  training: Dataset,
  validation: Dataset,
  plan: TrainingPlan,
  { executor, ...hooks }: TrainingHooks & { executor: Executor },
): Promise<TrainingResult> {
  const { recipe, threat, seed } = plan;
  const { norm, range } = threat;
  checkRecipe(recipe);
  checkThreat(threat);
  const { lowering = 'fast', rowsAtOnce = recipe.batchSize } = hooks;
  const parts = checkParts(recipe, rowsAtOnce);
  const classifier = await loadClassifier(model, { batch: rowsAtOnce, executor, lowering });
  checkData(classifier, training, validation, plan);
  const now = hooks.now ?? (() => performance.now());
  const started = now();

  const compile = ({ overfittedAt }: TrainingState) => {
    const attackSteps = attackStepsOf(recipe.attackSteps, overfittedAt);
    const compileParts = parts === 1 ? compileTraining : compileSplitTraining(parts);
    return compileParts(classifier, { executor, recipe: { ...recipe, attackSteps }, norm, range });
  };
  const run = fingerprint(model, [training, validation], plan);
  let state = (await resume(hooks, run)) ?? freshState(classifier, run, seed);
  let trainer = await compile(state);
  const validator = await compileValidator(classifier, validation, threat, { executor, seed });
  try {
    const resumedAtEpoch = state.epoch;
    let images = 0;
    let endedBy: TrainingReport['endedBy'] = 'schedule';
    while (state.epoch < recipe.epochs && endedBy === 'schedule') {
      const end: EpochEnd = await runEpoch(trainer, classifier, training, plan, state, hooks, { now, started });
      images += end.steps * recipe.batchSize;
      const measured = await resumable(end, hooks, () =>
        validate(end, recipe, () => validator.measure(kept(end.state), hooks.signal)),
      );
      if (collapsed(end, measured, validation)) {
        state = freshState(classifier, run, seed, { backOffs: backOff(state), overfittedAt: state.overfittedAt });
        continue;
      }
      const overfitted = measured && overfitsOneStep(attackStepsOf(recipe.attackSteps, state.overfittedAt), measured);
      state = { ...finishEpoch(end, measured), ...(overfitted && { overfittedAt: end.epoch }) };
      if (overfitted) {
        const next = await compile(state);
        await trainer.release();
        trainer = next;
      }
      if (end.outOfTime) endedBy = 'time budget';
      else await hooks.checkpoint?.save(encodeCheckpoint(state));
    }
    const seconds = (now() - started) / 1000;
    const { weights, epoch } = state.best!; // the last epoch is always validated
    const { history, backOffs, overfittedAt } = state;
    return {
      weights,
      report: {
        epochs: history,
        chosenEpoch: epoch,
        resumedAtEpoch,
        backOffs,
        overfittedAt,
        endedBy,
        lowering: trainer.lowering,
        rowsAtOnce,
        seconds,
        imagesPerSecond: images / seconds,
      },
    };
  } finally {
    await trainer.release();
    await validator.release();
  }
}

function checkParts({ batchSize, batchStatistics }: Recipe, rowsAtOnce: number): number {
  const parts = batchSize / rowsAtOnce;
  requireThat(Number.isInteger(parts), 'rowsAtOnce', `must divide the batch of ${batchSize} rows into equal parts`);
  requireThat(parts === 1 || !batchStatistics, 'recipe.batchStatistics', 'needs the whole batch at once');
  return parts;
}

function checkData(
  classifier: Classifier,
  training: Dataset,
  validation: Dataset,
  { recipe, threat }: TrainingPlan,
): void {
  const features = classifier.inputDims.slice(1).reduce((product, size) => product * size, 1);
  for (const [field, data] of Object.entries({ training, validation })) {
    checkRows(field, data, features, classifier.classes);
    checkInRange(`${field}.x`, data.x, threat.range);
  }
  requireThat(
    training.n >= recipe.batchSize,
    'recipe.batchSize',
    `is ${recipe.batchSize}, but there are only ${training.n} rows`,
  );
}

function freshState(
  classifier: Classifier,
  run: string,
  seed: number,
  { backOffs, overfittedAt }: Pick<TrainingState, 'backOffs' | 'overfittedAt'> = { backOffs: 0, overfittedAt: null },
): TrainingState {
  const zeros = () =>
    new Map([...classifier.parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
  return {
    run,
    epoch: 0,
    step: 0,
    random: random(seed + backOffs).state(),
    interrupted: null,
    backOffs,
    overfittedAt,
    history: [],
    weights: classifier.toFile(
      new Map([...classifier.parameters].map(([name, { data }]) => [name, Float32Array.from(data as Float32Array)])),
    ),
    firstMoments: zeros(),
    secondMoments: zeros(),
    averages: new Map(),
    best: null,
  };
}

async function resume(
  { checkpoint, requireCheckpoint }: TrainingHooks,
  run: string,
): Promise<TrainingState | undefined> {
  const bytes = await checkpoint?.load();
  const state = bytes && decodeCheckpoint(bytes);
  if (state?.run === run) return state;
  if (!requireCheckpoint) return undefined;
  throw new CheckpointError(
    bytes
      ? 'the checkpoint is of another run: model, data, threat, recipe or seed differ; use the same ones, or start anew'
      : 'there is no checkpoint to go on from',
  );
}

/** When interrupted, in the epoch before or in `work`, leaves a checkpoint that goes on from here. */
async function resumable<T>(end: EpochEnd, { signal, checkpoint }: TrainingHooks, work: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    if (signal?.aborted) await checkpoint?.save(encodeCheckpoint(end.resumable));
    throw error;
  }
}

/** The peak learning rate and the growing epsilon make the first part of the run useless as a result. */
async function validate(
  end: EpochEnd,
  recipe: Recipe,
  measure: () => Promise<Validation>,
): Promise<Validation | undefined> {
  if (end.notANumber) return undefined;
  const last = end.outOfTime || end.epoch === recipe.epochs;
  return last || end.epoch / recipe.epochs > WARM_UP ? measure() : undefined;
}

/** A network that answers the same to nearly everything, or not a number, will not come back. */
const CONSTANT_PREDICTOR = 0.98;

function collapsed(end: EpochEnd, measured: Validation | undefined, { y, n }: Dataset): boolean {
  if (end.notANumber) return true;
  const commonestLabel = largestCount(y) / n;
  return !!measured && measured.commonest >= CONSTANT_PREDICTOR && commonestLabel < CONSTANT_PREDICTOR - 0.05;
}

function backOff({ backOffs }: TrainingState): number {
  if (backOffs < MAX_BACK_OFFS) return backOffs + 1;
  throw new TrainingCollapsedError(
    `training ended in a constant predictor ${MAX_BACK_OFFS + 1} times, the last at 1/${2 ** MAX_BACK_OFFS} of the learning rate; ` +
      'lower recipe.learningRate or the epsilon, or add epochs',
  );
}

/** What is validated and kept: the running mean of the weights where the recipe wants one. */
const kept = ({ weights, averages }: TrainingState): Tensors => (averages.size > 0 ? averages : weights);

function finishEpoch(end: EpochEnd, measured: Validation | undefined): TrainingState {
  const { state, epoch, loss, accuracy } = end;
  const validation = measured ? { clean: measured.clean, fgsm: measured.fgsm, robust: measured.robust } : null;
  const history = [...state.history, { epoch, loss, accuracy, validation }];
  const bestSoFar = history.find((result) => result.epoch === state.best?.epoch)?.validation?.robust ?? -1;
  const best = validation && validation.robust >= bestSoFar ? { epoch, weights: kept(state) } : state.best;
  return { ...state, epoch, history, best };
}

/** Raised whenever training computes or remembers something else: a run that an earlier version began is another run. */
const VERSION = '3';

function fingerprint(model: OnnxModel, parts: readonly Dataset[], plan: TrainingPlan): string {
  const hash = createHash('sha256').update(VERSION).update(model.bytes);
  const numbers = [...model.network.constants.values()].map(({ data }) => data); // also those that no file holds: standardization
  for (const { buffer, byteOffset, byteLength } of [...numbers, ...parts.flatMap(({ x, y }) => [x, y])])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.update(JSON.stringify(plan)).digest('hex');
}
