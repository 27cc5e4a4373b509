import { describe, expect, it } from '@jest/globals';
import { seeded } from '../randomness.js';
import type { Detector } from './detector.js';
import { combinedEvidence, esrDetector, evidence, openEsr, updateEsr } from './esr.js';
import { thresholdRule } from './threshold-rule.js';

const detectors: Record<string, Detector<unknown>> = {
  'e-SR': esrDetector(0.04, 1000),
  'e-SR of a large tolerance': esrDetector(0.6, 1000),
  'plain threshold': thresholdRule({ above: 0.2, window: 50 }),
  'plain threshold over a long window': thresholdRule({ above: 0.5, window: 1203 }),
};

/** 0/1 values with P(1) = rate. */
function* bernoulli(rate: number, uniform: () => number) {
  for (;;) yield uniform() < rate ? 1 : 0;
}

/** Index of the first value at which the level reaches 1, or null after `limit` values. */
function alarmAt<S>(detector: Detector<S>, values: Iterable<number>, limit: number): number | null {
  let state = detector.open();
  let index = 0;
  for (const x of values) {
    state = detector.update(state, x);
    if (detector.level(state) >= 1) return index;
    if (++index >= limit) return null;
  }
  return null;
}

describe.each(Object.entries(detectors))('every detector: %s', (_name, detector) => {
  it('starts silent and stays silent on zeros', () => {
    expect(detector.level(detector.open())).toBe(0);
    expect(alarmAt(detector, bernoulli(0, seeded(1)), 3000)).toBeNull();
  });

  it('alarms on ones, and keeps finite numbers long after', () => {
    expect(alarmAt(detector, bernoulli(1, seeded(1)), 3000)).not.toBeNull();
    let state = detector.open();
    for (let i = 0; i < 20_000; i++) state = detector.update(state, 1);
    expect(Number.isFinite(detector.level(state))).toBe(true);
    expect(detector.level(state)).toBeGreaterThanOrEqual(1);
  });

  it('can be stored as JSON at any time and taken up again', () => {
    const values = bernoulli(0.3, seeded(7));
    let [kept, stored] = [detector.open(), detector.open()];
    for (let i = 0; i < 1500; i++) {
      const x = values.next().value ?? 0;
      kept = detector.update(kept, x);
      stored = detector.update(JSON.parse(JSON.stringify(stored)), x);
    }
    expect(detector.level(stored)).toBe(detector.level(kept));
  });

  it('does not change the state it was given', () => {
    const state = detector.update(detector.open(), 1);
    const before = JSON.stringify(state);
    detector.update(state, 1);
    expect(JSON.stringify(state)).toBe(before);
  });

  it('never falls when a value is larger', () => {
    const uniform = seeded(3);
    let [smaller, larger] = [detector.open(), detector.open()];
    for (let i = 0; i < 2000; i++) {
      const x = uniform() * 0.5;
      smaller = detector.update(smaller, x);
      larger = detector.update(larger, Math.min(1, x + 0.3));
    }
    expect(detector.level(larger)).toBeGreaterThanOrEqual(detector.level(smaller));
  });
});

describe('e-SR', () => {
  it('keeps the false-alarm budget: the mean run on values within the tolerance is N or more', () => {
    const [budget, runs] = [500, 120];
    const uniform = seeded(11);
    const lengths = Array.from({ length: runs }, () => {
      const detector = esrDetector(0.04, budget);
      return (alarmAt(detector, bernoulli(0.04, uniform), 20 * budget) ?? 20 * budget) + 1;
    });
    expect(lengths.reduce((sum, length) => sum + length, 0) / runs).toBeGreaterThan(budget);
  });

  it('keeps it for errors in bursts, given a tolerance with margin', () => {
    const [budget, runs] = [500, 60];
    const uniform = seeded(12);
    function* bursts() {
      for (let left = 0; ; left--) {
        if (left <= 0 && uniform() < 1 / 100) left = 20;
        yield uniform() < (left > 0 ? 0.1 : 0.005) ? 1 : 0;
      }
    }
    const lengths = Array.from({ length: runs }, () => {
      return (alarmAt(esrDetector(0.1, budget), bursts(), 20 * budget) ?? 20 * budget) + 1;
    });
    expect(lengths.reduce((sum, length) => sum + length, 0) / runs).toBeGreaterThan(budget);
  });

  it('is the exact likelihood ratio of each alternative on 0/1 values', () => {
    const m0 = 0.1;
    const first = updateEsr(openEsr(m0), 1).bets;
    const second = updateEsr(openEsr(m0), 0).bets;
    first.forEach((bet, k) => {
      const p = bet * first.length * m0;
      expect(second[k]! * second.length).toBeCloseTo((1 - p) / (1 - m0), 10);
    });
  });

  it('alarms where it always did', () => {
    const change = function* (before: number, after: number, at: number, uniform: () => number) {
      for (let i = 0; ; i++) yield uniform() < (i < at ? before : after) ? 1 : 0;
    };
    const alarms = [0.1, 0.4, 0.9].map((after, seed) =>
      alarmAt(esrDetector(0.04, 10_000), change(0.02, after, 200, seeded(seed)), 10_000),
    );
    expect(alarms).toEqual(PINNED_ALARMS);
  });

  it('averages over signals, so that N stays the budget of all together', () => {
    const [loud, quiet] = [openEsr(0.05), openEsr(0.05)].map((state, k) => {
      for (let i = 0; i < 10; i++) state = updateEsr(state, k === 0 ? 1 : 0);
      return state;
    });
    expect(combinedEvidence([loud!, quiet!])).toBeCloseTo((evidence(loud!) + evidence(quiet!)) / 2, 10);
    expect(combinedEvidence([])).toBe(0);
  });

  it('refuses a tolerance that leaves no room', () => {
    expect(() => openEsr(0)).toThrow('tolerance is 0');
    expect(() => openEsr(1)).toThrow('tolerance is 1');
  });
});

describe('plain threshold rule', () => {
  it('alarms when the mean of the last window is above, not before the window is full', () => {
    const rule = thresholdRule({ above: 0.5, window: 4 });
    expect(alarmAt(rule, [1, 1, 1], 10)).toBeNull();
    expect(alarmAt(rule, [1, 0, 1, 0, 1, 0, 1, 1, 0], 20)).toBe(7);
  });

  it('is exact for short windows and at most one block late for long ones', () => {
    const rule = thresholdRule({ above: 0.5, window: 2000 });
    const values = [...new Array<number>(3000).fill(0), ...new Array<number>(2000).fill(1)];
    const at = alarmAt(rule, values, 10_000);
    expect(at).toBeGreaterThanOrEqual(4000);
    expect(at).toBeLessThanOrEqual(4000 + 4);
  });

  it('refuses an empty window', () => {
    expect(() => thresholdRule({ above: 0.5, window: 0 })).toThrow('window is 0');
  });
});

/** Agreed with the prototype of the detector on the same streams. */
const PINNED_ALARMS = [419, 207, 203];
