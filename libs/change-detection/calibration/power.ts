import type { PairStatistics } from '../aim/rows.js';
import { openAimTest, updateAimTest } from '../verdict/aim-test.js';
import type { Decision, Thresholds } from '../verdict/decision.js';
import { openLabelledTest, updateLabelledTest } from '../verdict/labelled-test.js';
import type { AimBounds, LabelledBounds } from './calibration.js';
import type { Uniform } from '../randomness.js';
import { median } from './gap.js';
import type { AimTables, LabelledTables } from './measure.js';
import { pairAt, type PairTable } from './pair-table.js';

const STREAMS = 30;
const PAIRS = 1500;

/** Draws a row and one of its neighbours. */
const drawn = <S extends string>(tables: Record<S, PairTable>, uniform: Uniform) => {
  const { own, ahead } = Object.values(tables)[0] as PairTable;
  const [i, s] = [Math.floor(uniform() * own.length), 1 + Math.floor(uniform() * ahead.length)];
  return (name: S) => pairAt(tables[name], i, s);
};

/** Median number of pairs until `attack`, by playing the calibrated attack to the test itself; null if half the streams end without. */
function medianPairs<State extends { decision: Decision }>(open: State, next: (state: State) => State): number | null {
  const runs = Array.from({ length: STREAMS }, () => {
    let state = open;
    for (let pair = 1; pair <= PAIRS; pair++) {
      state = next(state);
      if (state.decision === 'attack') return pair;
    }
    return PAIRS + 1;
  });
  const pairs = Math.ceil(median(runs));
  return pairs > PAIRS ? null : pairs;
}

/** `selected`: share of the attacked requests that enter the test. */
export function aimPower(
  tables: AimTables,
  bounds: AimBounds,
  thresholds: Thresholds,
  uniform: Uniform,
  selected = 1,
): number | null {
  const pairs = medianPairs(openAimTest('aim', bounds, thresholds), (state) => {
    const pick = drawn(tables, uniform);
    const pair: PairStatistics = { abs: pick('abs'), maxabs: pick('maxabs') };
    return updateAimTest(state, pair);
  });
  return pairs === null ? null : Math.ceil((2 * pairs) / selected);
}

/** With a label for every request. */
export function labelledPower(
  tables: LabelledTables,
  bounds: LabelledBounds,
  thresholds: Thresholds,
  uniform: Uniform,
): number | null {
  const pairs = medianPairs(openLabelledTest(bounds, thresholds), (state) => {
    const pick = drawn(tables, uniform);
    const group = (name: 'near' | 'max') => {
      const [ii, ij, jj, ji] = pick(name);
      return [
        [ii, ij],
        [ji, jj],
      ];
    };
    return updateLabelledTest(state, { near: group('near'), max: group('max') });
  });
  return pairs === null ? null : 2 * pairs;
}
