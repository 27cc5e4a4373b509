import type { CompiledAttack } from './attackGraph.js';
import { gatherRows } from './dataset.js';
import type { ThreatModel } from './threatModel.js';

/** Rows that are looked at: the first ones, at most a batch. */
export interface OutputCheck {
  rows: number;
  /** Rows whose logits are not the same when the same input is given again. */
  random: number;
  /** Rows whose softmax is exactly 1 in float32: the gradient of its logarithm vanishes. */
  saturated: number;
}

/** Logits apart by more give a softmax that rounds to 1: exp(-SATURATED) is half of float32's spacing below 1. */
const SATURATED = 25 * Math.LN2;

/** Gives the same rows to the model twice. */
export async function checkOutputs(
  attack: CompiledAttack,
  x: Float32Array,
  range: ThreatModel['range'],
): Promise<OutputCheck> {
  const { batch, classes, features, norm } = attack;
  const rows = Math.min(batch, x.length / features);
  const origin = gatherRows(x, [...Array(rows).keys()], features, batch);
  const labels = new Float32Array(batch * classes); // of no effect on the logits
  const ask = async () =>
    (await attack.step({ x: origin, origin, labels }, { norm, epsilon: 0, range }, 0)).logits.slice();
  const [first, second] = [await ask(), await ask()];
  const result = { rows, random: 0, saturated: 0 };
  for (let row = 0; row < rows; row++) {
    const logits = first.subarray(row * classes, (row + 1) * classes);
    if (logits.some((value, at) => value !== second[row * classes + at] && !Number.isNaN(value))) result.random++;
    const [top = 0, next = 0] = [...logits].sort((a, b) => b - a);
    if (top - next > SATURATED) result.saturated++;
  }
  return result;
}
