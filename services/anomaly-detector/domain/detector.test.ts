import { describe, expect, it } from '@jest/globals';
import { EVENTS, DEFAULT_DETECTION } from '#contracts';
import { Course, protectionOf } from '../testing/course.js';
import { UNPROTECTED } from './context.js';
import { examined } from './signals.js';

/** Uniform numbers from a linear congruential generator (Numerical Recipes). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
}

describe('stage 1', () => {
  it('raises the alarm at the very same sample each time, and not before the change', () => {
    const run = () => {
      const [uniform, course] = [seeded(1), new Course(UNPROTECTED)];
      for (let i = 0; i < 1500 && course.events.length === 0; i++) {
        course.say({ correct: uniform() >= (i < 1000 ? 0.03 : 0.5), id: `q${i}` });
      }
      return course;
    };
    const raised = run().last('anomaly.raised');
    expect(raised.examined).toBe(1011);
    expect(raised).toMatchObject({
      revision: 'unknown',
      calibration: null,
      tests: [],
      trigger: { id: 'q1010', row: 0 },
    });
    expect(raised.anomalyId).toBe('ml.m.unknown.20260101001651000-1011-0');
    expect(run().events).toEqual(run().events);
  });

  it('treats names that every object has as any other name', () => {
    const course = new Course(
      protectionOf(Object.fromEntries([['constructor', ['labelled' as const]]]), { tolerances: { valueOf: 0.1 } }),
    );
    course.say({ revision: 'constructor', signals: { valueOf: 1, toString: 1 } });
    expect(course.ignored).toEqual(['unknown-signal']);
    expect(Object.keys(course.revision('constructor').counts)).toEqual(['valueOf']);
    course.untilAlarm({ revision: 'constructor', signals: { valueOf: 1 } });
    const { anomalyId } = course.last('anomaly.raised');
    const of = { revision: 'constructor', anomalyId, group: 'constructor' };
    const members = [0, 1].map((row) => ({ id: 'x', row }));
    course.label({ ...of, member: 0, T: { near: [1, 0], max: [1, 0] } });
    course.aim({ ...of, test: 'labelled', members });
    course.label({ ...of, member: 1, T: { near: [0, 1], max: [0, 1] } });
    course.label({ ...of, group: '__proto__', member: 1, T: { near: [0, 1], max: [0, 1] } });
    expect(course.revision('constructor').anomaly?.groups).toEqual({
      constructor: { due: expect.any(String), members: [null, { near: [0, 1], max: [0, 1] }] },
    });
    course.aim({ ...of, revision: 'toString', test: 'labelled', members });
    expect(new Course(UNPROTECTED).aim({ ...of, test: 'labelled', members }).events).toEqual([]);
  });

  it('watches what the policy tolerates by name, and a rule on any signal', () => {
    const thresholds = [{ signal: 'weird', above: 0.3, window: 20 }];
    const course = new Course(protectionOf({ r1: null }, { thresholds }));
    for (let i = 0; i < 19; i++) course.say({ signals: { weird: 0.5, other: 1 } });
    expect(course.story).toEqual([]);
    course.say({ signals: { weird: 0.5 } });
    expect(course.story).toEqual(['anomaly.raised', 'verdict.undetermined']);
    expect(course.last('anomaly.raised').examined).toBe(20);
    expect(course.ignored).toEqual(Array(19).fill('unknown-signal'));
    const onError = new Course(
      protectionOf({ r1: null }, { thresholds: [{ signal: 'error', above: 0.2, window: 5 }] }),
    );
    for (let i = 0; i < 5; i++) onError.say({ correct: i > 1 });
    expect(onError.story[0]).toBe('anomaly.raised');
  });

  it('ignores signals of another calibration, not the label', () => {
    const course = new Course(protectionOf({ r1: [] }));
    course.say({ calibration: 'old', signals: { lowConfidence: 1, error: 1 } });
    expect(course.ignored).toEqual(['stale-calibration']);
    expect(course.revision().counts).toEqual({ error: 1 });
    course.say({ calibration: 'cal-r1', signals: { lowConfidence: 1 } }, { signals: { lowConfidence: 1 } });
    expect(course.revision().counts).toEqual({ error: 1, lowConfidence: 2 });
  });

  it('ignores revisions that are not in the policy', () => {
    const course = new Course(protectionOf({ r1: [], r2: [] }));
    for (let i = 0; i < 200; i++) course.say({ revision: 'r0', correct: false }, { correct: false });
    expect(course.story).toEqual([]);
    expect(course.ignored).toEqual(Array(400).fill('unwatched-revision'));
    expect(course.state.revisions).toEqual({});
    course.untilAlarm({ revision: 'r2', correct: false }).protect(protectionOf({ r1: [] }));
    for (let i = 0; i < 200; i++) course.say({ revision: 'r2', correct: false });
    expect(course.story).toEqual(['anomaly.raised', 'verdict.undetermined', 'anomaly.closed']);
    expect(course.last('anomaly.closed').reason).toBe('revision-gone');
  });
});

describe('rows and windows', () => {
  it('counts a row once although its label comes later', () => {
    const course = new Course(protectionOf({ r1: [] }));
    for (let i = 0; i < 50; i++) course.say({ signals: { lowConfidence: 0 } });
    for (let i = 0; i < 20; i++) course.say({ signals: { error: i < 2 ? 1 : 0 } }, { signals: { mismatch: 0 } });
    expect(examined(course.revision())).toBe(50);
    expect(course.tick().last('accuracy.window')).toMatchObject({ n: 50, labelled: 20, correct: 18 });
    expect(course.tick().all('accuracy.window')).toHaveLength(1);
  });

  it('counts labels as rows where a calibrated revision gets nothing else', () => {
    const course = new Course(protectionOf({ r1: [] }));
    for (let i = 0; i < 30; i++) course.say({ correct: true });
    expect(examined(course.revision())).toBe(30);
    const window = course.tick().last('accuracy.window');
    expect(window).toMatchObject({ n: 30, labelled: 30, correct: 30, errorAlarm: false });
    expect(window.to > window.from).toBe(true);
    course.untilAlarm({ correct: false });
    expect(course.last('anomaly.raised').examined).toBeGreaterThan(30);
  });
});

describe('policy changes', () => {
  it('start the detectors anew when tolerances or rules change, not when nothing does', () => {
    const course = new Course(protectionOf({ r1: null }));
    for (let i = 0; i < 2; i++) course.say({ correct: false });
    const before = course.revision();
    expect(course.protect(protectionOf({ r1: null }, { quietAfter: 77 })).revision()).toEqual(before);
    const tolerant = course.protect(protectionOf({ r1: null }, { tolerances: { error: 0.5 } })).revision();
    expect(tolerant.signals.error?.esr).toEqual({ tolerance: 0.5, bets: Array(8).fill(0) });
    expect(tolerant.errorWatch.tolerance).toBe(0.5);
    expect(examined(tolerant)).toBe(2);
    const thresholds = [{ signal: 'error', above: 0.9, window: 10 }];
    const ruled = course.protect(protectionOf({ r1: null }, { tolerances: { error: 0.5 }, thresholds })).revision();
    expect(ruled.rules).toHaveLength(1);
    expect(ruled.errorWatch).toEqual(tolerant.errorWatch);
  });

  it('start the detectors anew with another calibration, but leave an open anomaly its tests', () => {
    const course = new Course(protectionOf({ r1: ['aim'] })).untilAlarm({ signals: { lowConfidence: 1 } });
    const other = protectionOf({ r1: null }, { tolerances: { error: 0.3 } });
    const { anomaly, errorWatch, calibration } = course.protect(other).revision();
    expect(anomaly?.tests).toHaveLength(1);
    expect([errorWatch.tolerance, calibration]).toEqual([0.3, 'cal-r1']);
  });
});

it('causes only events that fit their contracts, under ids that fit them too', () => {
  const long = 'm'.repeat(63);
  const course = new Course({ ...UNPROTECTED, detection: DEFAULT_DETECTION });
  course.state = { namespace: long, model: long, revisions: {} };
  course.untilAlarm({ namespace: long, model: long, revision: long, correct: false }).tick();
  for (const { id } of course.events) expect(id.length).toBeLessThanOrEqual(256);
  expect(course.story.every((name) => name in EVENTS)).toBe(true);
});
