import { describe, expect, it } from '@jest/globals';
import { aimFixture, labelledFixture } from '../fixtures/fixtures.js';
import {
  againstMeanAtLeast,
  againstMeanAtMost,
  againstRateAtMost,
  logValue,
  openBets,
  type LogBets,
} from '../verdict/martingales.js';
import type { Basis } from './basis.js';
import { aim, labelledAim, labelledDirections, type Directions } from './directions.js';
import type { PairT } from './rows.js';
import { splitRow, splitter } from './split.js';
import { groupScore, swapScore } from './swap-score.js';
import { prepareBasis } from './transform.js';

const STATISTICS = ['abs', 'maxabs'] as const;
const LABELLED = ['near', 'max'] as const;

function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number) {
  expect(actual.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)))).toBeLessThan(tolerance);
}

/** Directions from the reference's differences of gradients. */
function directionsOf(differences: number[][], near: number): Directions {
  const unit = 1 / Math.sqrt(differences[0]!.length);
  return { signs: differences.map((d) => Float32Array.from(d, (value) => Math.sign(value) * unit)), near };
}

const pairOf = (T: number[][], i: number, j: number): PairT => [T[i]![i]!, T[i]![j]!, T[j]![j]!, T[j]![i]!];

describe.each(aimFixture.cases)('aim-swap of the reference, $kind', (example) => {
  const basis: Basis =
    example.kind === 'img'
      ? {
          kind: 'image',
          channels: example.shape[0],
          height: example.shape[1],
          width: example.shape[2],
          channelsLast: false,
          mix: example.mix,
        }
      : { kind: 'vector', mean: example.mean, vectors: example.vectors };
  const split = splitter(prepareBasis(basis), Uint8Array.from(example.low), example.variance, example.power);
  const rows = example.x.map((x) => splitRow(split, x));
  const directions = example.D.map((differences, i) => directionsOf(differences, example.near[i]!));

  it('splits rows alike', () => {
    rows.forEach(({ lo, residual }, i) => {
      expectClose(lo, example.lo[i]!, 2e-4);
      expectClose(residual, example.r[i]!, 2e-3);
    });
  });

  it.each(STATISTICS)('has the same T and Z (%s)', (statistic) => {
    const T = directions.map((d) => rows.map(({ residual }) => aim(d, residual)[statistic]));
    T.forEach((row, i) => expectClose(row, example.T[statistic][i]!, 1e-3));
    const reference = example.T[statistic];
    const Z = example.Z[statistic].map((_z, pair) => swapScore(pairOf(reference, 2 * pair, 2 * pair + 1)));
    expectClose(Z, example.Z[statistic], 1e-4);
  });
});

describe.each(labelledFixture.cases)('labelled aim-swap of the reference', (example) => {
  // The reference computed the two nearest classes only; the others get logits too small to matter and are cut off.
  const directions = example.logits.map((logits, i) => {
    const kept = Object.keys(example.grads[i]!).map(Number);
    const compact = Float32Array.from(kept, (k) => logits[k]!);
    const gradientOf = (k: number) => Float32Array.from(example.grads[i]![kept[k]!]!);
    return labelledDirections(compact, gradientOf, kept.indexOf(example.label[i]!));
  });

  it('finds the same nearest class', () => {
    expect(directions.map(({ near }) => near)).toEqual(example.near);
  });

  it.each(LABELLED)('has the same T and Z (%s)', (statistic) => {
    const residuals = example.r.map((r) => Float32Array.from(r));
    const T = directions.map((d) => residuals.map((residual) => labelledAim(d, residual)[statistic]));
    T.forEach((row, i) => expectClose(row, example.T[statistic][i]!, 1e-4));
    const reference = example.T[statistic];
    example.Zpair[statistic].forEach((expected, pair) => {
      const [ii, ij, jj, ji] = pairOf(reference, 2 * pair, 2 * pair + 1);
      expect(
        groupScore([
          [ii, ij],
          [ji, jj],
        ]),
      ).toBeCloseTo(expected, 4);
    });
    expect(groupScore(reference.map((row, i) => (i === 0 || i === 2 ? row : null)))).toBeCloseTo(
      example.Zgroup[statistic],
      4,
    );
  });
});

describe('test supermartingales of the reference', () => {
  const run = (values: number[], update: (bets: LogBets, z: number) => LogBets): number[] => {
    let bets = openBets();
    return values.map((z) => logValue((bets = update(bets, z))));
  };

  it.each([{ ...aimFixture.e, m1: aimFixture.e.m0 }, { ...labelledFixture.e }])(
    'bounded means, m0 $m0',
    ({ m0, m1, z, up, down }) => {
      expectClose(
        run(z, (bets, value) => againstMeanAtMost(bets, m0, value)),
        up,
        1e-6,
      );
      expectClose(
        run(z, (bets, value) => againstMeanAtLeast(bets, m1, value)),
        down,
        1e-6,
      );
    },
  );

  it('rare events', () => {
    const { p0, x, log } = aimFixture.rare;
    expectClose(
      run(x, (bets, value) => againstRateAtMost(bets, p0, value === 1)),
      log,
      1e-6,
    );
  });
});
