import type { LabelledBounds, LabelledCalibration, SplitChoice } from './calibration.js';
import { worst, type TestCondition } from './choose-split.js';
import type { Uniform } from '../randomness.js';
import { powerOver, refusal, type Finding } from './finding.js';
import { costlyAttacks, driftBound, median } from './gap.js';
import type { LabelledTables } from './measure.js';
import { labelledPower } from './power.js';
import { memberMean, pairMean, type Estimate, type PairTable } from './pair-table.js';

type Statistic = 'near' | 'max';
export type LabelledCondition = TestCondition<Statistic>;

export const LABELLED_STATISTICS: readonly Statistic[] = ['near', 'max'];
export const LEAST_LABELLED_MEAN = 0.5;
const MOST = 0.95;
const LEAST_GAP = 0.1;
/** Unseen harmless kinds exceed m0 by up to a third of the gap of typical models. */
const MARGIN = 1 / 3;
const DRIFT_SHARES = [0.2, 0.5, 1];

/** `permuted`: unchanged rows with wrong labels, i.e. relabelling or concept drift, which must not look like an attack. */
export function findLabelled(
  conditions: readonly LabelledCondition[],
  permuted: LabelledTables,
  config: SplitChoice,
  cleanAccuracy: number,
  uniform: Uniform,
): Finding<LabelledCalibration> {
  const pair = boundsBy(pairMean, conditions, permuted, cleanAccuracy);
  const group = boundsBy(memberMean, conditions, permuted, cleanAccuracy);
  const { gap, worstKind } = pair;
  const reason = refusal(gap, LEAST_GAP);
  const bounds = { pair: pair.bounds, group: group.bounds };
  return {
    calibration: { enabled: reason === null, reason, gap, worstKind, config, bounds },
    power: (thresholds) =>
      powerOver(conditions, ({ tables }) => (reason ? null : labelledPower(tables, bounds.pair, thresholds, uniform))),
  };
}

function boundsBy(
  meanOf: (table: PairTable) => Estimate,
  conditions: readonly LabelledCondition[],
  permuted: LabelledTables,
  cleanAccuracy: number,
) {
  const found = (statistic: Statistic) => worst(conditions, ({ tables }) => meanOf(tables[statistic]).upper);
  const m0 = (statistic: Statistic) => Math.max(LEAST_LABELLED_MEAN, found(statistic).value);
  const costly = costlyAttacks(conditions, cleanAccuracy);
  const gaps = costly.map(({ tables }) =>
    Math.max(...LABELLED_STATISTICS.map((statistic) => meanOf(tables[statistic]).mean - m0(statistic))),
  );
  const gap = gaps.length > 0 ? median(gaps) : null;
  const m = (statistic: Statistic) =>
    Math.min(MOST, Math.max(m0(statistic) + MARGIN * Math.max(0, gap ?? 0), meanOf(permuted[statistic]).upper));
  const clean = conditions.find(({ role }) => role === 'clean')!;
  const attackMeans = costly.map(({ tables }) => meanOf(tables.near).mean);
  const bounds: LabelledBounds = {
    m: { near: m('near'), max: m('max') },
    drift: driftBound(meanOf(clean.tables.near).mean, attackMeans, DRIFT_SHARES),
  };
  const [near, max] = [found('near'), found('max')];
  return { bounds, gap, worstKind: (near.value > max.value ? near : max).name };
}
