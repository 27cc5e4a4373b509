import type { CompiledAttack } from '../attackGraph.js';
import { checkAttack, batches } from './batches.js';
import { checkSteps, pgdStepSize } from './pgd.js';
import { argMax, gatherRows, oneHot, type Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import type { Random } from '../random.js';
import { startAt, type ThreatModel, unitBallNoise } from '../threatModel.js';

export interface WorstCaseOptions {
  steps: number;
  restarts: number;
  random: Random;
  signal?: AbortSignal | undefined;
  /** Called with the share of the work that is done. */
  onProgress?: ((done: number) => void) | undefined;
}

export interface WorstCase {
  /** For each row, whether the model was right at every point that any restart visited. */
  standing: boolean[];
  /** For fallen rows the first point that fooled the model, for the others the last point tried. */
  x: Float32Array;
}

/**
 * PGD as an evaluation: a row has fallen as soon as one point on the way of one restart fools the model, and restarts
 * spend their time on the rows that still stand. Restarts take turns through `attacks` (one for each loss), since each
 * loss has models against which it is blind.
 */
export async function worstCase(
  attacks: readonly CompiledAttack[],
  rows: Rows,
  threat: ThreatModel,
  { steps, restarts, random, signal, onProgress }: WorstCaseOptions,
): Promise<WorstCase> {
  requireThat(attacks.length > 0, 'attacks', 'must name at least one attack');
  for (const attack of attacks) checkAttack(attack, rows, threat);
  checkSteps(steps);
  requireThat(Number.isInteger(restarts) && restarts >= 1, 'restarts', 'must be a whole number from 1 up');

  const result: WorstCase = { standing: Array.from(rows.y, () => true), x: rows.x.slice() };
  for (let restart = 0; restart < restarts; restart++) {
    const attack = attacks[restart % attacks.length]!;
    const standing = [...rows.y.keys()].filter((row) => result.standing[row]);
    for (const places of batches(standing.length, attack.batch)) {
      signal?.throwIfAborted();
      await attackBatch(
        attack,
        rows,
        places.map((place) => standing[place]!),
        { threat, steps, random },
        result,
      );
      onProgress?.((restart + (places.at(-1)! + 1) / standing.length) / restarts);
    }
  }
  return result;
}

async function attackBatch(
  attack: CompiledAttack,
  rows: Rows,
  members: readonly number[],
  { threat, steps, random }: { threat: ThreatModel; steps: number; random: Random },
  result: WorstCase,
): Promise<void> {
  const { batch, features, classes, norm } = attack;
  const origin = gatherRows(rows.x, members, features, batch);
  const labels = oneHot(rows.y, members, classes, batch);
  const stepSize = pgdStepSize(steps, threat.epsilon);
  let x = startAt(origin, unitBallNoise(norm, batch, features, random), threat);
  for (let step = 0; step <= steps; step++) {
    const { next, logits } = await attack.step({ x, origin, labels }, threat, stepSize); // the last one for its logits alone
    for (const [place, row] of members.entries()) {
      if (!result.standing[row]) continue;
      result.x.set(x.subarray(place * features, (place + 1) * features), row * features);
      if (argMax(logits, place, classes) !== rows.y[row]) result.standing[row] = false;
    }
    if (members.every((row) => !result.standing[row])) return;
    x = next;
  }
}
