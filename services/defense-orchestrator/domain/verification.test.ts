import { describe, expect, it } from '@jest/globals';
import { noCounts } from './defense.js';
import { ENOUGH_LABELLED, verify, WINDOWS_WITHOUT_LABELS } from './verification.js';

const waiting = { minimum: 0.8, timedOut: false, labelsExpected: true };
const counts = (labelled: number, correct: number, windows = 3) => ({
  ...noCounts(),
  n: 500,
  labelled,
  correct,
  windows,
});

describe('verification', () => {
  it('waits for enough labels', () => {
    expect(verify(counts(ENOUGH_LABELLED - 1, ENOUGH_LABELLED - 1), waiting)).toBeNull();
    expect(verify(counts(ENOUGH_LABELLED, ENOUGH_LABELLED), waiting)?.state).toBe('recovered');
  });

  it('takes the benefit of the doubt into account: 76 of 100 may be 80 %', () => {
    expect(verify(counts(100, 76), waiting)?.state).toBe('recovered');
    expect(verify(counts(1000, 760), waiting)).toBeNull();
    expect(verify(counts(1000, 760), { ...waiting, timedOut: true })?.state).toBe('failed');
  });

  it('does not wait for labels where none ever came', () => {
    expect(verify(counts(0, 0, WINDOWS_WITHOUT_LABELS), waiting)).toBeNull();
    expect(verify(counts(0, 0, WINDOWS_WITHOUT_LABELS), { ...waiting, labelsExpected: false })?.state).toBe(
      'recovered',
    );
    expect(verify(counts(0, 0, WINDOWS_WITHOUT_LABELS - 1), { ...waiting, labelsExpected: false })).toBeNull();
  });
});
