import type { CompiledAttack } from '../attackGraph.js';
import { batches } from './batches.js';
import { argMax, gatherRows } from '../dataset.js';
import type { ThreatModel } from '../threatModel.js';

/** The class of each row of `x`; -1 where the model's output is NaN. */
export async function predictions(
  attack: CompiledAttack,
  x: Float32Array,
  range: ThreatModel['range'],
): Promise<Int32Array> {
  const { batch, features, classes, norm } = attack;
  const rows = x.length / features;
  const predicted = new Int32Array(rows);
  const labels = new Float32Array(batch * classes); // of no effect on the logits
  for (const members of batches(rows, batch)) {
    const origin = gatherRows(x, members, features, batch);
    const { logits } = await attack.step({ x: origin, origin, labels }, { norm, epsilon: 0, range }, 0);
    members.forEach((row, place) => (predicted[row] = argMax(logits, place, classes)));
  }
  return predicted;
}
