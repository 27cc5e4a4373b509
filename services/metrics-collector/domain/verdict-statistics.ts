import type { RequestRow } from '#contracts';
import {
  aimClasses,
  aimedRow,
  aimPair,
  gateSelects,
  labelledTable,
  prepareSplit,
  splitRow,
  type AimedRow,
  type Calibration,
  type LabelledRow,
  type ModelFunctions,
  type SplitRow,
  type Splitter,
} from '#change-detection';
import type { AimPair, LabelledGroup, Suspicion } from './examination.js';

type Test = Suspicion['tests'][number];
type Of<T> = T & { member: RequestRow };

interface Differentiated {
  split: SplitRow;
  logits: Float32Array;
  gradients: readonly Float32Array[];
  /** Of each gradient. */
  classes: readonly number[];
}

/** Above it a table for each possible label would be larger than the input that it spares keeping. */
export const MOST_LABELLED_CLASSES = 20;

/**
 * The costlier statistics of one open anomaly: rows in the order in which this replica examined them, every two forming a pair, every
 * `groupSize` a labelled group. Residuals and gradients live until their group is full, and nowhere else.
 */
export class VerdictStatistics {
  private readonly splitters = new Map<Test, Splitter>();
  private readonly unpaired: { aim: Of<AimedRow>[]; gated: Of<AimedRow>[] } = { aim: [], gated: [] };
  private labelled: Of<LabelledRow>[] = [];

  constructor(
    private readonly calibration: Calibration,
    private readonly suspicion: Suspicion,
  ) {
    const { split, input } = calibration;
    for (const test of suspicion.tests) {
      const { config } = calibration.tests[test];
      if (test === 'labelled' && input.classes > MOST_LABELLED_CLASSES) continue;
      if (split && config) this.splitters.set(test, prepareSplit(split, config));
    }
  }

  async add(
    model: ModelFunctions,
    members: readonly RequestRow[],
    x: Float32Array,
  ): Promise<{ pairs: AimPair[]; groups: LabelledGroup[] }> {
    const pairs: AimPair[] = [];
    const groups: LabelledGroup[] = [];
    for (const [test, splitter] of this.splitters) {
      const found = await this.differentiate(model, test, splitter, x, members.length);
      for (const [i, row] of found) {
        const member = members[i]!;
        if (test === 'labelled') groups.push(...this.group(member, row));
        else pairs.push(...this.pair(test, member, row));
      }
    }
    return { pairs, groups };
  }

  /** By the row's index. Rows that the gate does not select cost a split only. */
  private async differentiate(
    model: ModelFunctions,
    test: Test,
    splitter: Splitter,
    x: Float32Array,
    rows: number,
  ): Promise<[number, Differentiated][]> {
    const { features } = model;
    const { gate } = this.calibration.tests.gated;
    const chosen: { row: number; split: SplitRow }[] = [];
    for (let row = 0; row < rows; row++) {
      const split = splitRow(splitter, x.subarray(row * features, (row + 1) * features));
      if (test !== 'gated' || (gate && gateSelects(gate, split.coefficients))) chosen.push({ row, split });
    }
    if (chosen.length === 0) return [];
    const lo = new Float32Array(chosen.length * features);
    chosen.forEach(({ split }, i) => lo.set(split.lo, i * features));
    const choose = test === 'labelled' ? () => 'all' as const : aimClasses;
    const { logits, gradients } = await model.gradients(lo, chosen.length, choose);
    return chosen.map(({ row, split }, i) => {
      const ofRow = logits.slice(i * model.classes, (i + 1) * model.classes);
      const classes = choose(i, ofRow);
      return [
        row,
        { split, logits: ofRow, gradients: gradients[i]!, classes: classes === 'all' ? [...ofRow.keys()] : classes },
      ];
    });
  }

  private pair(test: 'aim' | 'gated', member: RequestRow, row: Differentiated): AimPair[] {
    const waiting = this.unpaired[test];
    waiting.push({ member, ...aimedRow(row.split, row.logits, row.gradients, row.classes) });
    const [first, second] = waiting;
    if (!first || !second) return [];
    this.unpaired[test] = [];
    return [{ test, members: [first.member, second.member], T: aimPair(first, second) }];
  }

  private group(member: RequestRow, { split, logits, gradients }: Differentiated): LabelledGroup[] {
    this.labelled.push({ member, residual: split.residual, logits, gradients });
    if (this.labelled.length < this.suspicion.groupSize) return [];
    const full = this.labelled;
    this.labelled = [];
    return [{ members: full.map((one) => one.member), tables: labelledTable(full) }];
  }
}
