import type { PairStatistics } from '../aim/rows.js';
import type { GroupStatistics } from '../aim/swap-score.js';
import type { Calibration, TestName } from '../calibration/calibration.js';
import { openAimTest, updateAimTest, type AimTestState } from './aim-test.js';
import { thresholdsFor } from './decision.js';
import { evidenceOf, requestsOf, sentence, type TestEvidence } from './evidence.js';
import { openLabelledTest, updateLabelledTest, type LabelledTestState } from './labelled-test.js';

export type TestState = AimTestState | LabelledTestState;

/** The tests that calibration left this model. */
export const enabledTests = ({ tests }: Calibration): TestName[] =>
  (['aim', 'gated', 'labelled'] as const).filter((test) => tests[test].enabled && tests[test].bounds !== null);

/** The states of the enabled tests when an anomaly opens. Their number stays fixed: it sets the thresholds. */
export function openTests(calibration: Calibration, { groupSize }: { groupSize: number }): TestState[] {
  const names = enabledTests(calibration);
  const thresholds = thresholdsFor(names.length);
  return names.map((test) =>
    test === 'labelled'
      ? openLabelledTest(calibration.tests.labelled.bounds![groupSize === 2 ? 'pair' : 'group'], thresholds)
      : openAimTest(test, calibration.tests[test].bounds!, thresholds),
  );
}

export type TestInput = { test: 'aim' | 'gated'; pair: PairStatistics } | { test: 'labelled'; group: GroupStatistics };

/** The states after one more pair or group. Input for a test that is not open changes nothing. */
export const updateTests = (states: readonly TestState[], input: TestInput): TestState[] =>
  states.map((state) => {
    if (state.test !== input.test) return state;
    if (state.test === 'labelled') return 'group' in input ? updateLabelledTest(state, input.group) : state;
    return 'pair' in input ? updateAimTest(state, input.pair) : state;
  });

export interface Verdict {
  /** `open`: not yet. */
  kind: 'attack' | 'drift' | 'undetermined' | 'open';
  /** `no-verdict`: the model has no tests; `not-decided`: they did not decide in time. Null unless undetermined. */
  reason: 'no-verdict' | 'not-decided' | null;
  /** The verdict in one sentence. */
  statement: string;
  evidence: TestEvidence[];
}

/**
 * `attack` of any test wins and is final; `drift` may still become `attack` when more input comes, never the other way round.
 * `outOfTime`: the rows and the label deadline that the policy allows have passed.
 */
export function verdictOf(states: readonly TestState[], { outOfTime }: { outOfTime: boolean }): Verdict {
  const evidence = states.map(evidenceOf);
  const by = (decision: 'attack' | 'drift') => states.find((state) => state.decision === decision);
  const result = (kind: Verdict['kind'], statement: string, reason: Verdict['reason'] = null): Verdict => ({
    kind,
    reason,
    statement,
    evidence,
  });
  const [attack, drift] = [by('attack'), by('drift')];
  if (attack) return result('attack', `The inputs are aimed at this model: ${sentence(attack)}.`);
  if (drift) return result('drift', `No aimed change was seen, which does not mean no attack: ${sentence(drift)}.`);
  if (states.length === 0) {
    const why = 'Calibration left this model no test, so the cause of the anomaly cannot be told.';
    return result('undetermined', why, 'no-verdict');
  }
  if (outOfTime) {
    const looked = Math.max(...states.map(requestsOf));
    return result('undetermined', `The tests did not decide after ${looked} requests.`, 'not-decided');
  }
  return result('open', 'The tests have not decided yet.');
}
