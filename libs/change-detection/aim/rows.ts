import type { LogitsAndGradients } from '../model.js';
import { aim, aimDirections, labelledAim, labelledDirections, type Directions } from './directions.js';
import type { SplitRow } from './split.js';

/** What remains of a row for the test without labels. */
export interface AimedRow {
  residual: Float32Array;
  directions: Directions;
}

/** [T_ii, T_ij, T_jj, T_ji]: T_ij says how far the residual of row j points along the gradient of row i. */
export type PairT = [number, number, number, number];
export interface PairStatistics {
  abs: PairT;
  maxabs: PairT;
}

/** `result`: of the model's gradients at the low part, for the classes that `aimClasses` chose. */
export function aimedRow(
  split: SplitRow,
  logits: Float32Array,
  gradients: LogitsAndGradients['gradients'][number],
  classes: readonly number[],
): AimedRow {
  return { residual: split.residual, directions: aimDirections(logits, byClass(gradients, classes)) };
}

const byClass = (gradients: readonly Float32Array[], classes: readonly number[]) => (k: number) => {
  const gradient = gradients[classes.indexOf(k)];
  if (!gradient) throw new RangeError(`the gradient of class ${k} is needed but was not computed`);
  return gradient;
};

export function aimPair(i: AimedRow, j: AimedRow): PairStatistics {
  const [ii, ij] = [aim(i.directions, i.residual), aim(i.directions, j.residual)];
  const [jj, ji] = [aim(j.directions, j.residual), aim(j.directions, i.residual)];
  return {
    abs: [ii.abs, ij.abs, jj.abs, ji.abs],
    maxabs: [ii.maxabs, ij.maxabs, jj.maxabs, ji.maxabs],
  };
}

/** A member of a labelled group, with the gradients of all classes at its low part. */
export interface LabelledRow {
  residual: Float32Array;
  logits: Float32Array;
  gradients: readonly Float32Array[];
}

/** T(i <- r_j) of one member i for each member j of its group. */
export interface MemberStatistics {
  near: number[];
  max: number[];
}

/** [member][class]: the statistics of the member if its label turns out to be that class. With it no input need be kept until the label comes. */
export function labelledTable(group: readonly LabelledRow[]): MemberStatistics[][] {
  return group.map(({ logits, gradients }) =>
    gradients.map((_gradient, label) => {
      const directions = labelledDirections(logits, (k) => gradients[k]!, label);
      const statistics = group.map(({ residual }) => labelledAim(directions, residual));
      return { near: statistics.map(({ near }) => near), max: statistics.map(({ max }) => max) };
    }),
  );
}
