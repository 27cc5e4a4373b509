import type { CompiledAttack } from '../attackGraph.js';
import { checkAttack, inBatches } from './batches.js';
import type { Rows } from '../dataset.js';
import type { ThreatModel } from '../threatModel.js';

/** Fast gradient sign method (Goodfellow et al. 2015): one step of the ball's whole radius from each row. */
export async function fgsm(attack: CompiledAttack, rows: Rows, threat: ThreatModel): Promise<Float32Array> {
  checkAttack(attack, rows, threat);
  if (threat.epsilon === 0) return rows.x.slice();
  return inBatches(attack, rows, async (origin, labels) => {
    const { next } = await attack.step({ x: origin, origin, labels }, threat, threat.epsilon);
    return next;
  });
}
