import type { LabelledBounds } from '../calibration/calibration.js';
import { groupScore, type GroupStatistics } from '../aim/swap-score.js';
import { againstMeanAtLeast, againstMeanAtMost, logValue, openBets, type LogBets } from './martingales.js';
import { latched, type Decision, type Thresholds } from './decision.js';

/** The labelled aim-swap test since an anomaly opened. Plain JSON. */
export interface LabelledTestState {
  test: 'labelled';
  /** Of the group size in use. */
  bounds: LabelledBounds;
  thresholds: Thresholds;
  groups: number;
  /** Members whose label came. */
  labels: number;
  sum: { near: number; max: number };
  mean: { near: LogBets; max: LogBets };
  drift: LogBets;
  decision: Decision;
}

export const openLabelledTest = (bounds: LabelledBounds, thresholds: Thresholds): LabelledTestState => ({
  test: 'labelled',
  bounds,
  thresholds,
  groups: 0,
  labels: 0,
  sum: { near: 0, max: 0 },
  mean: { near: openBets(), max: openBets() },
  drift: openBets(),
  decision: null,
});

/** One whole group, when its labels are complete or its deadline has passed; groups come in closing order. */
export function updateLabelledTest(state: LabelledTestState, group: GroupStatistics): LabelledTestState {
  const [near, max] = [groupScore(group.near), groupScore(group.max)];
  if (near === null || max === null) return state;
  const { bounds, mean, sum } = state;
  const next: LabelledTestState = {
    ...state,
    groups: state.groups + 1,
    labels: state.labels + group.near.filter((row) => row !== null).length,
    sum: { near: sum.near + near, max: sum.max + max },
    mean: {
      near: againstMeanAtMost(mean.near, bounds.m.near, near),
      max: againstMeanAtMost(mean.max, bounds.m.max, max),
    },
    drift: bounds.drift ? againstMeanAtLeast(state.drift, bounds.drift.m1, near) : state.drift,
  };
  const evidence = { attack: labelledAttackE(next), drift: labelledDriftE(next) };
  return { ...next, decision: latched(next.decision, next.thresholds, evidence) };
}

export const labelledAttackE = ({ mean }: LabelledTestState): number =>
  (Math.exp(logValue(mean.near)) + Math.exp(logValue(mean.max))) / 2;

export const labelledDriftE = ({ bounds, drift }: LabelledTestState): number | null =>
  bounds.drift && Math.exp(logValue(drift));
