import type { AttackLoss } from '../lossGraph.js';

/** The loss that an attack climbs, of one row, from its logits. `labels` as the attack gets them. */
export function rowLoss(
  loss: AttackLoss,
  logits: Float32Array,
  labels: Float32Array,
  row: number,
  classes: number,
): number {
  const z = logits.subarray(row * classes, (row + 1) * classes);
  const marks = labels.subarray(row * classes, (row + 1) * classes);
  const trueLogit = z[marks.indexOf(1)]!;
  if (loss === 'ce') {
    const most = Math.max(...z);
    return most + Math.log(z.reduce((sum, value) => sum + Math.exp(value - most), 0)) - trueLogit;
  }
  if (loss === 'margin') return Math.max(...z.filter((_, c) => marks[c] !== 1)) - trueLogit;
  const [first = 0, , third = 0, fourth = third] = z.toSorted().reverse();
  return (z[marks.indexOf(-1)]! - trueLogit) / Math.max(first - (third + fourth) / 2, Number.MIN_VALUE);
}
