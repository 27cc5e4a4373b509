import { beforeAll, describe, expect, it } from '@jest/globals';
import { runBuilt } from './programs.js';
import type { KindReport, VerdictReport } from './verdict-report.js';

/** A stream that ends in `attack` by mistake is allowed once in a hundred. */
const WRONG = 0.01;
/** What calibration expects is a median over its own rows. */
const GENEROUS = 3;

describe('the verdict of the demo’s model with its own calibration, on rows that nobody has used', () => {
  let report: VerdictReport;
  beforeAll(async () => {
    report = JSON.parse(await runBuilt('test/detection/verdict-report.js')) as VerdictReport;
  }, 600_000);

  it('is `attack` for no more than 1 % of the streams of changes that calibration has not seen; each miss is told', () => {
    const kinds = Object.entries(report.harmless);
    console.table(Object.fromEntries(kinds.map(([kind, ends]) => [kind, row(ends)])));
    const missed = kinds.filter(([, { attack }]) => attack > 0);
    const wrong = missed.reduce((sum, [, { attack }]) => sum + attack, 0);
    console.log(
      `${wrong} of ${kinds.length * report.streams} streams of harmless changes were called an attack` +
        missed.map(([kind, { attack }]) => `\n  missed: ${kind}, ${attack} of ${report.streams}`).join(''),
    );
    expect(kinds.length).toBeGreaterThan(15);
    expect(wrong / (kinds.length * report.streams)).toBeLessThanOrEqual(WRONG);
  });

  it('is mostly `drift` for them: the tests do look', () => {
    const drift = Object.values(report.harmless).reduce((sum, ends) => sum + ends.drift, 0);
    expect(drift / (Object.keys(report.harmless).length * report.streams)).toBeGreaterThan(0.8);
  });

  it('is `attack` for no clean stream, however long its requests pass through the gate', () => {
    const { selected, of, report: ends } = report.gated;
    console.log(`the gate selects ${selected} of ${of} clean rows`, row(ends));
    expect(ends.attack).toBe(0);
  });

  it('is `attack` for attacks, about as soon as calibration says', () => {
    for (const { attack, epsilon, expectedRequests, streams } of report.attacks) {
      const after = streams.map((end) => end.after).sort((a, b) => a - b);
      console.log(`${attack} ${epsilon}: ${after.join(' ')} requests, expected ${expectedRequests}`);
      expect(streams.map(({ kind }) => kind)).toEqual(streams.map(() => 'attack'));
      expect(after[Math.floor(after.length / 2)]).toBeLessThanOrEqual(GENEROUS * expectedRequests!);
    }
  });
});

/** How the streams ended, and how near each test came to `attack`. */
const row = ({ attack, drift, undetermined, tests }: KindReport) => ({
  attack,
  drift,
  undetermined,
  ...Object.fromEntries(
    Object.entries(tests).map(([test, { e, threshold, mean, allowed }]) => [
      test,
      `e ${e.toPrecision(2)} of ${threshold}, mean ${mean.toFixed(2)} of ${allowed.toFixed(2)}`,
    ]),
  ),
});
