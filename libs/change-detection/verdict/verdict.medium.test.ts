import { describe, expect, it } from '@jest/globals';
import type { PairStatistics, PairT } from '../aim/rows.js';
import { groupScore, swapScore } from '../aim/swap-score.js';
import type { AimBounds, LabelledBounds } from '../calibration/calibration.js';
import { seeded } from '../randomness.js';
import { openAimTest, updateAimTest, type AimTestState } from './aim-test.js';
import { thresholdsFor } from './decision.js';
import { openLabelledTest, updateLabelledTest } from './labelled-test.js';
import { updateTests, verdictOf } from './verdict.js';

/** The sharpest bounds that hold for exchangeable residuals, so that the guarantee is tested at its edge. */
const bounds: AimBounds = {
  m0: { abs: 0.5, maxabs: 0.5 },
  p0: [0.2, 0.05],
  drift: { statistic: 'abs', m1: 0.6, f: 0.2 },
};
const thresholds = thresholdsFor(1);

/** T of a pair; `aimed` 0: own and foreign residuals fit alike, i.e. they are exchangeable. */
function pair(uniform: () => number, aimed: number): PairStatistics {
  const one = (): PairT => {
    const [ii, ij, jj, ji] = [uniform(), uniform(), uniform(), uniform()].map((u) => u * u);
    return [ii! + aimed, ij!, jj! + aimed, ji!];
  };
  return { abs: one(), maxabs: one() };
}

function run(state: AimTestState, pairs: number, next: () => PairStatistics): AimTestState {
  for (let i = 0; i < pairs; i++) state = updateAimTest(state, next());
  return state;
}

describe('aim-swap test', () => {
  it('says attack on at most 1 % of exchangeable streams, ever, and mostly drift', () => {
    const uniform = seeded(4);
    const rates = [0.6, 1].map((limit) => {
      let above = 0;
      for (let i = 0; i < 20_000; i++) {
        const [ii, ij, jj, ji] = pair(uniform, 0).maxabs;
        const ratio = (a: number, b: number) => (a - b) / (a + b + 2e-5);
        if (ratio(ii, ij) + ratio(jj, ji) > limit) above++;
      }
      return above / 20_000;
    });
    const exact: AimBounds = { ...bounds, p0: [rates[0]! + 0.005, rates[1]! + 0.005] };
    const decisions = Array.from(
      { length: 300 },
      () => run(openAimTest('aim', exact, thresholds), 300, () => pair(uniform, 0)).decision,
    );
    expect(decisions.filter((d) => d === 'attack').length / 300).toBeLessThanOrEqual(0.01);
    expect(decisions.filter((d) => d === 'drift').length / 300).toBeGreaterThan(0.8);
  });

  it('says attack when own residuals fit better', () => {
    const uniform = seeded(5);
    const state = run(openAimTest('aim', bounds, thresholds), 100, () => pair(uniform, 0.5));
    expect(state.decision).toBe('attack');
    expect(verdictOf([state], { outOfTime: false })).toMatchObject({ kind: 'attack', evidence: [{ groups: 100 }] });
  });

  it('turns drift into attack when the attack begins later, never back', () => {
    const uniform = seeded(6);
    const quiet = run(openAimTest('aim', bounds, thresholds), 300, () => pair(uniform, 0));
    expect(quiet.decision).toBe('drift');
    const loud = run(quiet, 600, () => pair(uniform, 0.9));
    expect(loud.decision).toBe('attack');
    expect(run(loud, 300, () => pair(uniform, 0)).decision).toBe('attack');
  });

  it('does not believe the strong events alone', () => {
    // Half of all pairs very strong, the others very much the other way: the mean stays at 1/2.
    let [state, i] = [openAimTest('aim', bounds, thresholds), 0];
    state = run(state, 200, () => {
      const T: PairT = i++ % 2 ? [1, 0.01, 1, 0.01] : [0.01, 1, 0.01, 1];
      return { abs: T, maxabs: T };
    });
    expect(state.decision).not.toBe('attack');
  });

  it('is plain JSON', () => {
    const uniform = seeded(7);
    const state = run(openAimTest('aim', bounds, thresholds), 20, () => pair(uniform, 0.1));
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});

describe('labelled test', () => {
  const labelled: LabelledBounds = { m: { near: 0.5, max: 0.5 }, drift: { m1: 0.6, f: 0.2 } };

  it.each([2, 4])(
    'says attack on at most 1 %% of exchangeable streams of groups of %i, some without labels',
    (size) => {
      const uniform = seeded(size);
      const group = (aimed: number) => {
        const rows = Array.from({ length: size }, (_, i) => {
          if (uniform() < 0.3) return null;
          return Array.from({ length: size }, (_unused, j) => 2 * uniform() - 1 + (i === j ? aimed : 0));
        });
        return { near: rows, max: rows };
      };
      const decide = (groups: number, aimed: number) => {
        let state = openLabelledTest(labelled, thresholds);
        for (let i = 0; i < groups; i++) state = updateLabelledTest(state, group(aimed));
        return state.decision;
      };
      const decisions = Array.from({ length: 300 }, () => decide(200, 0));
      expect(decisions.filter((d) => d === 'attack').length / 300).toBeLessThanOrEqual(0.01);
      expect(decide(200, 1)).toBe('attack');
    },
  );

  it('skips groups without any label', () => {
    const state = openLabelledTest(labelled, thresholds);
    expect(updateLabelledTest(state, { near: [null, null], max: [null, null] })).toEqual(state);
  });
});

describe('swap scores', () => {
  it('turn Z into 1 - Z when the residuals are exchanged', () => {
    const uniform = seeded(9);
    for (let i = 0; i < 200; i++) {
      const [ii, ij, jj, ji] = [uniform(), uniform(), uniform(), uniform()] as const;
      expect(swapScore([ii, ij, jj, ji]) + swapScore([ij, ii, ji, jj])).toBeCloseTo(1, 12);
      expect(
        groupScore([
          [ii, ij],
          [ji, jj],
        ])! +
          groupScore([
            [ij, ii],
            [jj, ji],
          ])!,
      ).toBeCloseTo(1, 12);
    }
  });

  it('are 1/2 for exact duplicates', () => {
    expect(swapScore([0.3, 0.3, 0.3, 0.3])).toBe(0.5);
  });
});

describe('verdict of several tests', () => {
  it('needs n times the evidence, and any test’s attack wins over another’s drift', () => {
    const n = thresholdsFor(3);
    expect(n).toEqual({ attack: 300, drift: 60 });
    const uniform = seeded(10);
    const quiet = run(openAimTest('aim', bounds, n), 400, () => pair(uniform, 0));
    const loud = run(openAimTest('gated', bounds, n), 200, () => pair(uniform, 0.6));
    expect([quiet.decision, loud.decision]).toEqual(['drift', 'attack']);
    expect(verdictOf([quiet, loud], { outOfTime: false }).kind).toBe('attack');
    expect(verdictOf([quiet, openAimTest('gated', bounds, n)], { outOfTime: false }).kind).toBe('drift');
  });

  it('stays open, and is undetermined when time is up', () => {
    const states = [openAimTest('aim', bounds, thresholds)];
    expect(verdictOf(states, { outOfTime: false }).kind).toBe('open');
    expect(verdictOf(states, { outOfTime: true })).toMatchObject({ kind: 'undetermined', reason: 'not-decided' });
  });

  it('feeds each test with its own input only', () => {
    const states = [openAimTest('aim', bounds, thresholds), openAimTest('gated', bounds, thresholds)];
    const [aim, gated] = updateTests(states, { test: 'gated', pair: pair(seeded(1), 0) });
    expect([aim, gated]).toMatchObject([{ pairs: 0 }, { pairs: 1 }]);
  });
});
