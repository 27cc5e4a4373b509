import type { CompiledAttack } from '../attackGraph.js';
import { checkAttack, inBatches } from './batches.js';
import type { Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import type { Random } from '../random.js';
import { startAt, type ThreatModel, unitBallNoise } from '../threatModel.js';

export interface PgdOptions {
  steps: number;
  /** In input units; `pgdStepSize` where left out. */
  stepSize?: number;
  /** Source of the random starts; without it the attack starts at the inputs themselves. */
  random?: Random;
}

/** Projected gradient descent (Madry et al. 2018), one start: the rows after the last step. */
export async function pgd(
  attack: CompiledAttack,
  rows: Rows,
  threat: ThreatModel,
  { steps, stepSize = pgdStepSize(steps, threat.epsilon), random }: PgdOptions,
): Promise<Float32Array> {
  checkAttack(attack, rows, threat);
  checkSteps(steps);
  if (threat.epsilon === 0) return rows.x.slice();
  requireThat(stepSize > 0, 'stepSize', 'must be above 0');
  return inBatches(attack, rows, async (origin, labels) => {
    let x = random
      ? startAt(origin, unitBallNoise(attack.norm, attack.batch, attack.features, random), threat)
      : origin;
    for (let step = 0; step < steps; step++) {
      x = (await attack.step({ x, origin, labels }, threat, stepSize)).next;
    }
    return x;
  });
}

/** Enough to cross the ball and come back (Madry et al. use 2.5 epsilon over the number of steps). */
export function pgdStepSize(steps: number, epsilon: number): number {
  return (2.5 * epsilon) / steps;
}

export function checkSteps(steps: number): void {
  requireThat(Number.isInteger(steps) && steps >= 1, 'steps', 'must be a whole number from 1 up');
}
