import { describe, expect, it } from '@jest/globals';
import type { Detection } from '#contracts';
import type { TestName } from '#change-detection';
import { Course, protectionOf } from '../testing/course.js';
import type { LabelledGroup } from './state.js';
import { closeOverdue } from './verdict.js';

const pairOf = (own: number, others: number) => {
  const T = [own, others, own, others];
  return { abs: T, maxabs: T };
};
const AIMED = pairOf(1, 0.1);
const EVEN = pairOf(0.1, 0.3);
const members = [0, 1].map((row) => ({ id: 'q', row }));

/** An anomaly that was raised by unusual rows. */
function opened(tests: readonly TestName[], detection: Partial<Detection> = {}): Course & { id: string } {
  const course = new Course(protectionOf({ r1: tests }, detection)).untilAlarm({ signals: { lowConfidence: 1 } });
  return Object.assign(course, { id: course.last('anomaly.raised').anomalyId });
}

let groups = 0;
function pairs(course: Course & { id: string }, count: number, T: typeof AIMED, test: TestName = 'aim'): void {
  for (let i = 0; i < count; i++)
    course.aim({ revision: 'r1', anomalyId: course.id, test, group: `g${groups++}`, members, T });
}
const verdicts = (course: Course) => course.story.filter((name) => !name.startsWith('anomaly.'));

describe('verdict', () => {
  it('is an attack when own residuals fit better', () => {
    const course = opened(['aim', 'gated']);
    expect(course.last('anomaly.raised').tests).toEqual(['aim', 'gated']);
    pairs(course, 60, AIMED);
    expect(verdicts(course)).toEqual(['attack.detected']);
    const attack = course.last('attack.detected');
    expect(attack).toMatchObject({ anomalyId: course.id, calibration: 'cal-r1', atlas: ['AML.T0015', 'AML.T0043'] });
    expect(attack.evidence[0]).toMatchObject({ test: 'aim', attackThreshold: 200 });
  });

  it('is drift when they do not, and still turns into an attack, never back', () => {
    const course = opened(['aim']);
    pairs(course, 100, EVEN);
    expect(verdicts(course)).toEqual(['drift.detected']);
    pairs(course, 600, AIMED);
    expect(verdicts(course)).toEqual(['drift.detected', 'attack.detected']);
    pairs(course, 600, EVEN);
    expect(verdicts(course)).toHaveLength(2);
  });

  it('is undetermined at once where calibration left no test', () => {
    const course = opened([]);
    expect(verdicts(course)).toEqual(['verdict.undetermined']);
    expect(course.last('verdict.undetermined')).toMatchObject({ reason: 'no-verdict', requests: { sinceAlarm: 0 } });
  });

  it('is undetermined after enough rows without a decision, counted from the opening', () => {
    const course = opened(['aim'], { undeterminedAfter: 50, quietAfter: 1000 });
    for (let i = 0; i < 49; i++) course.say({ signals: { lowConfidence: 1 } });
    expect(verdicts(course)).toEqual([]);
    course.say({ signals: { lowConfidence: 1 } });
    expect(course.last('verdict.undetermined')).toMatchObject({ reason: 'not-decided', requests: { sinceAlarm: 50 } });
    pairs(course, 100, EVEN);
    expect(verdicts(course)).toEqual(['verdict.undetermined']);
    pairs(course, 600, AIMED);
    expect(verdicts(course)).toEqual(['verdict.undetermined', 'attack.detected']);
  });

  it('takes no input of another anomaly, nor of one test for another', () => {
    const course = opened(['gated']);
    pairs({ ...course, id: 'earlier', aim: course.aim.bind(course) } as typeof course, 100, AIMED, 'gated');
    pairs(course, 100, AIMED, 'aim');
    expect(verdicts(course)).toEqual([]);
    expect(course.revision().anomaly?.tests).toMatchObject([{ test: 'gated', pairs: 0 }]);
    pairs(course, 60, AIMED, 'gated');
    expect(verdicts(course)).toEqual(['attack.detected']);
  });
});

describe('severity', () => {
  it('is critical when labels that came after the alarm show that accuracy suffers', () => {
    const course = opened(['aim']);
    for (let i = 0; i < 20; i++) course.say({ signals: { error: 1 } });
    pairs(course, 60, AIMED);
    expect(course.last('attack.detected').severity).toBe('critical');
  });

  it('otherwise follows the share of rows that stand out', () => {
    const high = opened(['aim'], { quietAfter: 1000 });
    for (let i = 0; i < 40; i++) high.say({ signals: { lowConfidence: 1 } });
    pairs(high, 60, AIMED);
    const low = opened(['aim'], { quietAfter: 1000 });
    for (let i = 0; i < 200; i++) low.say({ signals: { lowConfidence: 0 } });
    pairs(low, 60, AIMED);
    expect([high, low].map((course) => course.last('attack.detected').severity)).toEqual(['high', 'low']);
  });
});

describe('labelled groups', () => {
  const group = (course: Course & { id: string }, name: string) =>
    course.aim({ revision: 'r1', anomalyId: course.id, test: 'labelled', group: name, members });
  const label = (course: Course & { id: string }, name: string, member: number, own = 1) => {
    const near = member === 0 ? [own, 0.1] : [0.1, own];
    return course.label({ revision: 'r1', anomalyId: course.id, group: name, member, T: { near, max: near } });
  };
  const test = (course: Course) => course.revision().anomaly!.tests[0] as { groups: number; labels: number };

  it('close with their last label', () => {
    const course = opened(['labelled']);
    group(course, 'a');
    label(course, 'a', 0);
    label(course, 'a', 0); // again: known already
    expect(test(course).groups).toBe(0);
    label(course, 'a', 1);
    expect(test(course)).toMatchObject({ groups: 1, labels: 2 });
    expect(course.revision().anomaly?.groups).toEqual({});
    for (let i = 0; i < 60; i++) {
      group(course, `b${i}`);
      label(course, `b${i}`, 0);
      label(course, `b${i}`, 1);
    }
    expect(verdicts(course)).toEqual(['attack.detected']);
  });

  it('close at their deadline with the labels that came; without any they say nothing', () => {
    const course = opened(['labelled'], { labelDeadlineSeconds: 30 });
    group(course, 'a');
    group(course, 'b');
    label(course, 'a', 1);
    course.tick(20);
    expect(test(course).groups).toBe(0);
    course.tick(20);
    expect(test(course)).toMatchObject({ groups: 1, labels: 1 });
    expect(course.revision().anomaly?.groups).toEqual({});
    label(course, 'a', 0);
    expect(test(course).groups).toBe(1);
  });

  it('close in the order of their closing: the overdue ones before the one that a label completes', () => {
    const run = (tickFirst: boolean) => {
      const course = opened(['labelled'], { labelDeadlineSeconds: 30 });
      group(course, 'early');
      label(course, 'early', 0, 0.01);
      course.seconds += 10;
      group(course, 'late');
      label(course, 'late', 0);
      course.seconds += 22; // early is overdue, late is not
      if (tickFirst) course.tick(0);
      label(course, 'late', 1);
      return course.revision().anomaly?.tests;
    };
    const before = run(false);
    expect(before).toMatchObject([{ groups: 2, labels: 3 }]);
    expect(before).toEqual(run(true));
  });

  it('close overdue in the order of their deadlines', () => {
    const course = opened(['labelled']);
    const anomaly = course.revision().anomaly!;
    const waiting = (due: string, own: number): LabelledGroup => ({
      due,
      members: [{ near: [own, 0.5], max: [own, 0.5] }, null],
    });
    const [a, b] = [waiting('2026-01-01T00:00:02.000Z', 1), waiting('2026-01-01T00:00:01.000Z', 0)];
    const close = (groups: Record<string, LabelledGroup>) =>
      closeOverdue({ ...anomaly, groups }, '2026-01-01T00:00:03.000Z').tests;
    expect(close({ a, b })).toEqual(close({ b, a }));
  });

  it('hold undetermined up while they wait, but not for ever although labels keep flowing', () => {
    const course = opened(['labelled'], { undeterminedAfter: 20, labelDeadlineSeconds: 100, quietAfter: 1000 });
    const even = (name: string) =>
      course.label({
        revision: 'r1',
        anomalyId: course.id,
        group: name,
        member: 0,
        T: { near: [0.5, 0.5], max: [0.5, 0.5] },
      });
    for (let i = 0; i < 60 && verdicts(course).length === 0; i++) {
      group(course, `g${i}`);
      even(`g${i}`);
      course.say({ signals: { lowConfidence: 1 } });
    }
    expect(verdicts(course)).toEqual(['verdict.undetermined']);
    expect(course.last('verdict.undetermined').requests.sinceAlarm).toBeGreaterThan(20);
    const { openedAt } = course.last('anomaly.raised');
    const { decidedAt } = course.last('verdict.undetermined');
    expect(Date.parse(decidedAt) - Date.parse(openedAt)).toBe(100_000);
  });
});
