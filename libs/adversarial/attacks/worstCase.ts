import { pgdStepSize } from './pgd.js';
import { noteFallen, overRestarts, type WorstCase, type WorstCaseOptions } from './restarts.js';
import type { CompiledAttack } from '../attackGraph.js';
import { argMax, gatherRows, oneHot, type Rows } from '../dataset.js';
import { startAt, type ThreatModel, unitBallNoise } from '../threatModel.js';

/**
 * PGD as an evaluation: a row has fallen as soon as one point on the way of one restart fools the model. Restarts take
 * turns through `attacks` (one for each loss), since each loss has models against which it is blind.
 */
export async function worstCase(
  attacks: readonly CompiledAttack[],
  rows: Rows,
  threat: ThreatModel,
  options: WorstCaseOptions,
): Promise<WorstCase> {
  const { steps, random } = options;
  return overRestarts(attacks, rows, threat, options, async (attack, members, _restart, result) => {
    const { batch, features, classes, norm } = attack;
    const origin = gatherRows(rows.x, members, features, batch);
    const labels = oneHot(rows.y, members, classes, batch);
    const stepSize = pgdStepSize(steps, threat.epsilon);
    let x = startAt(origin, unitBallNoise(norm, batch, features, random), threat);
    for (let step = 0; step <= steps; step++) {
      const { next, logits } = await attack.step({ x, origin, labels }, threat, stepSize); // the last one for its logits alone
      noteFallen(result, members, x, (place, row) => argMax(logits, place, classes) === rows.y[row]);
      if (members.every((row) => !result.standing[row])) return;
      x = next;
    }
  });
}
