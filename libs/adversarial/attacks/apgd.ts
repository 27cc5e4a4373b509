import { noteFallen, overRestarts, type WorstCase, type WorstCaseOptions } from './restarts.js';
import type { ApgdPoints, CompiledApgd } from '../apgdGraph.js';
import { argMax, gatherRows, oneHot, type Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import { rowLoss } from './rowLoss.js';
import { startAt, type ThreatModel, unitBallNoise } from '../threatModel.js';

/** Share of the step that is new; the rest is momentum. */
const ALPHA = 0.75;
/** A row whose loss grew in fewer of its last steps than this gets smaller steps. */
const RHO = 0.75;

/**
 * Auto-PGD (Croce and Hein 2020, algorithm 1): momentum, and each row halves its own step size and goes back to its best
 * point when it makes no progress, so there is nothing to tune. With a `dlr` attack it is the targeted version, and each
 * restart aims at the next likely wrong class.
 */
export async function apgd(
  attack: CompiledApgd,
  rows: Rows,
  threat: ThreatModel,
  options: WorstCaseOptions,
): Promise<WorstCase> {
  const { batch, features, classes, norm, loss } = attack;
  requireThat(loss !== 'dlr' || classes > 2, 'attack.loss', 'dlr needs at least 3 classes');
  const { steps, random, signal } = options;
  const checkpoints = stepSizeCheckpoints(steps);

  return overRestarts([attack], rows, threat, options, async (_attack, members, restart, result) => {
    const origin = gatherRows(rows.x, members, features, batch);
    const labels = oneHot(rows.y, members, classes, batch);
    const stepSizes = new Float32Array(batch);
    const still = (x: Float32Array): ApgdPoints => ({
      ...{ x, previous: x, direction: x, origin, labels, stepSizes, alpha: 1 },
    });
    if (loss === 'dlr') aimAtTargets(labels, (await attack.step(still(origin), threat)).logits, classes, restart);

    let from = still(startAt(origin, unitBallNoise(norm, batch, features, random), threat));
    const best = from.x.slice();
    const bestDirection = new Float32Array(best.length);
    const progress = Array.from({ length: batch }, () => newProgress(2 * threat.epsilon));
    for (let step = 0; step <= steps; step++) {
      signal?.throwIfAborted();
      const { x, direction, logits } = await attack.step(from, threat);
      noteFallen(result, members, x, (place, row) => argMax(logits, place, classes) === rows.y[row]);
      if (step === steps || members.every((row) => !result.standing[row])) return;
      const atCheckpoint = checkpoints.has(step);
      for (const [place, row] of progress.entries()) {
        const span = [place * features, (place + 1) * features] as const;
        if (note(row, rowLoss(loss, logits, labels, place, classes))) {
          best.set(x.subarray(...span), span[0]);
          bestDirection.set(direction.subarray(...span), span[0]);
        }
        if (!atCheckpoint || !stuck(row, checkpoints.get(step)!)) continue;
        row.stepSize /= 2;
        x.set(best.subarray(...span), span[0]);
        direction.set(bestDirection.subarray(...span), span[0]);
      }
      for (const [place, { stepSize }] of progress.entries()) stepSizes[place] = stepSize;
      const previous = step === 0 ? x : from.x;
      from = { x, previous, direction, origin, labels, stepSizes, alpha: step === 0 ? 1 : ALPHA };
    }
  });
}

interface Progress {
  stepSize: number;
  best: number;
  last: number;
  /** Steps since the last checkpoint in which the loss grew. */
  grew: number;
  atCheckpoint: { stepSize: number; best: number };
}

const newProgress = (stepSize: number): Progress => ({
  ...{ stepSize, best: -Infinity, last: -Infinity, grew: 0 },
  atCheckpoint: { stepSize: NaN, best: NaN },
});

/** Whether this is the row's best loss. */
function note(row: Progress, loss: number): boolean {
  if (row.last > -Infinity && loss > row.last) row.grew++;
  row.last = loss;
  if (!(loss > row.best)) return false;
  row.best = loss;
  return true;
}

function stuck(row: Progress, stepsSinceLast: number): boolean {
  const { stepSize, best, atCheckpoint } = row;
  const oscillates = row.grew < RHO * stepsSinceLast;
  const noGain = atCheckpoint.stepSize === stepSize && atCheckpoint.best === best;
  row.grew = 0;
  row.atCheckpoint = { stepSize, best };
  return oscillates || noGain;
}

/** At which steps step sizes may be halved, and how many steps lie since the one before: 22 % of all, then ever fewer. */
function stepSizeCheckpoints(steps: number): ReadonlyMap<number, number> {
  const checkpoints = new Map<number, number>();
  let [last, at, width] = [0, 0, 0.22];
  for (;;) {
    at += width;
    const step = Math.ceil(at * steps);
    if (step >= steps) return checkpoints;
    if (step > last) checkpoints.set(step, step - last);
    [last, width] = [step, Math.max(width - 0.03, 0.06)];
  }
}

/** Marks each row's target, the restart-th likeliest wrong class, with -1 in its labels. */
function aimAtTargets(labels: Float32Array, logits: Float32Array, classes: number, restart: number): void {
  for (let start = 0; start < labels.length; start += classes) {
    const wrong = Array.from({ length: classes }, (_, c) => c).filter((c) => labels[start + c] === 0);
    wrong.sort((a, b) => logits[start + b]! - logits[start + a]!);
    labels[start + wrong[restart % wrong.length]!] = -1;
  }
}
