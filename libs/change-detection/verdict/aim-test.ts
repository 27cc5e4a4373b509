import type { AimBounds } from '../calibration/calibration.js';
import type { PairStatistics } from '../aim/rows.js';
import { strongEvents, swapScore } from '../aim/swap-score.js';
import {
  againstMeanAtLeast,
  againstMeanAtMost,
  againstRateAtMost,
  logValue,
  openBets,
  type LogBets,
} from './martingales.js';
import { latched, type Decision, type Thresholds } from './decision.js';

/** The aim-swap test since an anomaly opened. Plain JSON. */
export interface AimTestState {
  test: 'aim' | 'gated';
  bounds: AimBounds;
  thresholds: Thresholds;
  pairs: number;
  /** Sums of Z. */
  sum: { abs: number; maxabs: number };
  mean: { abs: LogBets; maxabs: LogBets };
  events: [LogBets, LogBets];
  drift: LogBets;
  decision: Decision;
}

/** The exact part of the test must agree with the observed one (strong events) at least this far. */
const GUARD = 5;

export const openAimTest = (test: AimTestState['test'], bounds: AimBounds, thresholds: Thresholds): AimTestState => ({
  test,
  bounds,
  thresholds,
  pairs: 0,
  sum: { abs: 0, maxabs: 0 },
  mean: { abs: openBets(), maxabs: openBets() },
  events: [openBets(), openBets()],
  drift: openBets(),
  decision: null,
});

/** One pair of requests; each request belongs to one pair only. */
export function updateAimTest(state: AimTestState, pair: PairStatistics): AimTestState {
  const { bounds, mean, sum } = state;
  const z = { abs: swapScore(pair.abs), maxabs: swapScore(pair.maxabs) };
  const [strong = false, stronger = false] = strongEvents(pair);
  const next: AimTestState = {
    ...state,
    pairs: state.pairs + 1,
    sum: { abs: sum.abs + z.abs, maxabs: sum.maxabs + z.maxabs },
    mean: {
      abs: againstMeanAtMost(mean.abs, bounds.m0.abs, z.abs),
      maxabs: againstMeanAtMost(mean.maxabs, bounds.m0.maxabs, z.maxabs),
    },
    events: [
      againstRateAtMost(state.events[0], bounds.p0[0], strong),
      againstRateAtMost(state.events[1], bounds.p0[1], stronger),
    ],
    drift: bounds.drift ? againstMeanAtLeast(state.drift, bounds.drift.m1, z[bounds.drift.statistic]) : state.drift,
  };
  return {
    ...next,
    decision: latched(next.decision, next.thresholds, { attack: guardedAttackE(next), drift: aimDriftE(next) }),
  };
}

/** The average of four test supermartingales is one. */
export function aimAttackE({ mean, events }: AimTestState): number {
  const values = [mean.abs, mean.maxabs, ...events].map((bets) => Math.exp(logValue(bets)));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const guardedAttackE = (state: AimTestState): number =>
  Math.exp(Math.max(logValue(state.mean.abs), logValue(state.mean.maxabs))) > GUARD ? aimAttackE(state) : 0;

/** Null where this model has no drift bound. */
export const aimDriftE = ({ bounds, drift }: AimTestState): number | null => bounds.drift && Math.exp(logValue(drift));
