import type { TestName } from '../calibration/calibration.js';
import { aimAttackE, aimDriftE, type AimTestState } from './aim-test.js';
import { labelledAttackE, labelledDriftE, type LabelledTestState } from './labelled-test.js';

/** One test in numbers that a person can check, and the sentence that says them. */
export interface TestEvidence {
  test: TestName;
  statement: string;
  /** Mean swap score of the statistic that stands out most; 1/2 = as much as by chance. Null before the first group. */
  mean: number | null;
  /** What that mean may be at most without counting as aimed. */
  allowed: number;
  attackE: number;
  attackThreshold: number;
  driftE: number | null;
  driftThreshold: number;
  groups: number;
}

type State = AimTestState | LabelledTestState;

/** Requests that the test has looked at: those of its pairs, or those whose label came. */
export const requestsOf = (state: State): number => (state.test === 'labelled' ? state.labels : 2 * state.pairs);

const groupsOf = (state: State): number => (state.test === 'labelled' ? state.groups : state.pairs);

export function evidenceOf(state: State): TestEvidence {
  const labelled = state.test === 'labelled';
  return {
    test: state.test,
    statement: sentence(state),
    ...standingOut(state),
    attackE: finite(labelled ? labelledAttackE(state) : aimAttackE(state)),
    attackThreshold: state.thresholds.attack,
    driftE: finite(labelled ? labelledDriftE(state) : aimDriftE(state)),
    driftThreshold: state.thresholds.drift,
    groups: groupsOf(state),
  };
}

/** JSON has no Infinity. */
function finite<T extends number | null>(value: T): T {
  return (value === Infinity ? Number.MAX_VALUE : value) as T;
}

/** Of the two statistics, the one whose mean is farthest above what is allowed. */
function standingOut(state: State): { mean: number | null; allowed: number } {
  const groups = groupsOf(state);
  const statistics =
    state.test === 'labelled'
      ? (['near', 'max'] as const).map((name) => ({ sum: state.sum[name], allowed: state.bounds.m[name] }))
      : (['abs', 'maxabs'] as const).map((name) => ({ sum: state.sum[name], allowed: state.bounds.m0[name] }));
  const means = statistics.map(({ sum, allowed }) => ({ mean: groups > 0 ? sum / groups : null, allowed }));
  return means.reduce((best, next) =>
    (next.mean ?? 0) - next.allowed > (best.mean ?? 0) - best.allowed ? next : best,
  );
}

const WHICH: Record<TestName, string> = {
  aim: 'requests',
  gated: 'requests that look unusual',
  labelled: 'labelled requests',
};

export function sentence(state: State): string {
  const { mean, allowed } = standingOut(state);
  if (mean === null) return `no ${WHICH[state.test]} have been compared yet`;
  const numbers = `${mean.toFixed(2)}, allowed ${allowed.toFixed(2)}; ${requestsOf(state)} ${WHICH[state.test]}`;
  if (state.decision === 'drift') {
    const share = Math.round(100 * (state.bounds.drift?.f ?? 1));
    return `the change in each request fits other requests as well (${numbers}), so an attack of the calibrated kinds on more than ${share} % of the traffic is unlikely`;
  }
  const fits = mean > allowed ? 'fits this request better than' : 'does not fit this request better than';
  return `the change in each request ${fits} changes taken from other requests (${numbers})`;
}
