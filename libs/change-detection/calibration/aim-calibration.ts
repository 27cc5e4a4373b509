import { EVENTS, swapSum } from '../aim/swap-score.js';
import { wilsonUpper } from '../proportion.js';
import type { AimBounds, AimCalibration, SplitChoice } from './calibration.js';
import { worst, type TestCondition } from './choose-split.js';
import type { Uniform } from '../randomness.js';
import { powerOver, refusal, type Finding } from './finding.js';
import { costlyAttacks, driftBound, median } from './gap.js';
import { aimPower } from './power.js';
import { pairMean, pairRate } from './pair-table.js';

type Statistic = 'abs' | 'maxabs';
export type AimCondition = TestCondition<Statistic>;

export const AIM_STATISTICS: readonly Statistic[] = ['abs', 'maxabs'];
export const LEAST_AIM_MEAN = 0.51;
const MOST = 0.95;
export const LEAST_AIM_GAP = 0.05;
const DRIFT_SHARES = [0.1, 0.2, 0.5, 1];

/** What harmless changes reach at most (m0, p0). */
export function aimBounds(conditions: readonly AimCondition[], cleanAccuracy: number): AimBounds {
  const mean = (statistic: Statistic) => {
    const { value } = worst(conditions, ({ tables }) => pairMean(tables[statistic]).upper);
    return Math.min(MOST, Math.max(LEAST_AIM_MEAN, value));
  };
  const rate = (limit: number) => {
    const upper = ({ tables: { maxabs } }: AimCondition) =>
      wilsonUpper(
        pairRate(maxabs, (pair) => swapSum(pair) > limit),
        maxabs.own.length,
      );
    return Math.min(MOST, worst(conditions, upper).value);
  };
  return {
    m0: { abs: mean('abs'), maxabs: mean('maxabs') },
    p0: [rate(EVENTS[0]), rate(EVENTS[1])],
    drift: bestDrift(conditions, costlyAttacks(conditions, cleanAccuracy)),
  };
}

/** Median over the attacks that cost accuracy of how far they lie above the bounds. */
export function aimGap(conditions: readonly AimCondition[], { m0 }: AimBounds, cleanAccuracy: number): number | null {
  const gaps = costlyAttacks(conditions, cleanAccuracy).map(({ tables }) =>
    Math.max(...AIM_STATISTICS.map((statistic) => pairMean(tables[statistic]).mean - m0[statistic])),
  );
  return gaps.length > 0 ? median(gaps) : null;
}

export const worstAimKind = (conditions: readonly AimCondition[]): string =>
  worst(conditions, ({ tables }) => Math.max(pairMean(tables.abs).upper, pairMean(tables.maxabs).upper)).name;

export function findAim(
  conditions: readonly AimCondition[],
  config: SplitChoice,
  cleanAccuracy: number,
  uniform: Uniform,
): Finding<AimCalibration> {
  const bounds = aimBounds(conditions, cleanAccuracy);
  const gap = aimGap(conditions, bounds, cleanAccuracy);
  const reason = refusal(gap, LEAST_AIM_GAP);
  return {
    calibration: { enabled: reason === null, reason, gap, worstKind: worstAimKind(conditions), config, bounds },
    power: (thresholds) =>
      powerOver(conditions, ({ tables }) => (reason ? null : aimPower(tables, bounds, thresholds, uniform))),
  };
}

/** On the statistic that rises most under attack. */
function bestDrift(conditions: readonly AimCondition[], costly: readonly AimCondition[]): AimBounds['drift'] {
  const clean = conditions.find(({ role }) => role === 'clean')!;
  const bounds = AIM_STATISTICS.flatMap((statistic) => {
    const cleanMean = pairMean(clean.tables[statistic]).mean;
    const bound = driftBound(
      cleanMean,
      costly.map(({ tables }) => pairMean(tables[statistic]).mean),
      DRIFT_SHARES,
    );
    return bound ? [{ statistic, ...bound, rise: (bound.m1 - cleanMean) / bound.f }] : [];
  });
  if (bounds.length === 0) return null;
  const { statistic, m1, f } = bounds.reduce((best, next) => (next.rise > best.rise ? next : best));
  return { statistic, m1, f };
}
