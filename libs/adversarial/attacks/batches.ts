import type { AttackShape, CompiledAttack } from '../attackGraph.js';
import { checkRows, gatherRows, oneHot, type Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import { checkInRange, checkThreat, type ThreatModel } from '../threatModel.js';

export function checkAttack(attack: AttackShape, rows: Rows, threat: ThreatModel): void {
  checkThreat(threat);
  requireThat(
    threat.norm === attack.norm,
    'threat.norm',
    `is ${threat.norm}, but the attack was compiled for ${attack.norm}`,
  );
  checkRows('rows', rows, attack.features, attack.classes);
  checkInRange('rows.x', rows.x, threat.range);
}

/** Applies `change` to all rows, a batch at a time. */
export async function inBatches(
  attack: CompiledAttack,
  rows: Rows,
  change: (origin: Float32Array, labels: Float32Array) => Promise<Float32Array>,
): Promise<Float32Array> {
  const { batch, features, classes } = attack;
  const changed = new Float32Array(rows.x.length);
  for (const members of batches(rows.y.length, batch)) {
    const origin = gatherRows(rows.x, members, features, batch);
    const result = await change(origin, oneHot(rows.y, members, classes, batch));
    changed.set(result.subarray(0, members.length * features), members[0]! * features);
  }
  return changed;
}

/** 0 .. n-1 in runs of at most `batch`. */
export function batches(n: number, batch: number): number[][] {
  return Array.from({ length: Math.ceil(n / batch) }, (_, b) =>
    Array.from({ length: Math.min(batch, n - b * batch) }, (_, i) => b * batch + i),
  );
}
