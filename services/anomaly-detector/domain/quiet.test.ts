import { describe, expect, it } from '@jest/globals';
import { Course, protectionOf } from '../testing/course.js';

const AIMED = { abs: [1, 0.1, 1, 0.1], maxabs: [1, 0.1, 1, 0.1] };
const unusual = { signals: { lowConfidence: 1 } };
const usual = { signals: { lowConfidence: 0 } };
const say = (course: Course, times: number, sample: Parameters<Course['say']>[0]) => {
  for (let i = 0; i < times; i++) course.say(sample);
};
function attacked(course: Course): Course {
  const { anomalyId } = course.untilAlarm(unusual).last('anomaly.raised');
  for (let i = 0; i < 60; i++) {
    const members = [0, 1].map((row) => ({ id: `q${i}`, row }));
    course.aim({ revision: 'r1', anomalyId, test: 'aim', group: `g${i}`, members, T: AIMED });
  }
  return course;
}

describe('an anomaly', () => {
  it('closes after a block of quiet rows, and a new one may open', () => {
    const course = attacked(new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 40 })));
    say(course, 40, unusual);
    expect(course.story).toEqual(['anomaly.raised', 'attack.detected']);
    say(course, 39, usual);
    expect(course.story).toHaveLength(2);
    say(course, 1, usual);
    expect(course.story).toEqual(['anomaly.raised', 'attack.detected', 'anomaly.closed', 'attack.subsided']);
    expect(course.last('anomaly.closed')).toMatchObject({ reason: 'quiet', verdict: 'attack' });
    say(course, 100, unusual);
    expect(course.story[4]).toBe('anomaly.raised');
    const ids = course.all('anomaly.raised').map(({ anomalyId }) => anomalyId);
    expect(new Set(ids).size).toBe(2);
  });

  it('closes with its revision, and then no attack has subsided', () => {
    const course = attacked(
      new Course(protectionOf({ r1: ['aim'], r2: ['aim'] })).protect(protectionOf({ r1: ['aim'] })),
    );
    course.protect(protectionOf({ r2: ['aim'] }));
    expect(course.story).toEqual(['anomaly.raised', 'attack.detected', 'anomaly.closed']);
    expect(course.last('anomaly.closed')).toMatchObject({ reason: 'revision-gone', verdict: 'attack' });
    expect(course.state.revisions).toEqual({});
  });

  it('that errors raised does not close because labels stopped', () => {
    const course = new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 40 }));
    say(course, 20, usual);
    course.untilAlarm({ signals: { error: 1 } });
    say(course, 500, usual);
    expect(course.story).toEqual(['anomaly.raised']);
    say(course, 9, { signals: { error: 0 } });
    expect(course.story).toEqual(['anomaly.raised']);
    say(course, 1, { signals: { error: 0 } });
    expect(course.story).toEqual(['anomaly.raised', 'anomaly.closed']);
  });

  it('that labels alone raised and keep up closes by labels alone', () => {
    const course = new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 40 })).untilAlarm({ correct: false });
    say(course, 40, { correct: false });
    expect(course.story).toEqual(['anomaly.raised']);
    say(course, 40, { correct: true });
    expect(course.story).toEqual(['anomaly.raised', 'anomaly.closed']);
  });

  it('that a rule raised stays while the rule is broken', () => {
    const thresholds = [{ signal: 'weird', above: 0.3, window: 20 }];
    const course = new Course(protectionOf({ r1: ['aim'] }, { thresholds, quietAfter: 20 }));
    say(course, 60, { signals: { weird: 0.5 } });
    expect(course.story).toEqual(['anomaly.raised']);
    say(course, 40, { signals: { weird: 0.1 } });
    expect(course.story).toEqual(['anomaly.raised', 'anomaly.closed']);
  });

  it('closes when the policy has come to tolerate what raised it', () => {
    const course = new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 40 })).untilAlarm(unusual);
    course.protect(protectionOf({ r1: ['aim'] }, { quietAfter: 40, tolerances: { lowConfidence: 0.9 } }));
    for (let i = 0; i < 20; i++) course.say(unusual, usual);
    expect(course.story).toEqual(['anomaly.raised', 'anomaly.closed']);
    expect(course.revision().signals.lowConfidence?.esr.tolerance).toBe(0.9);
  });

  it('closes although a quiet block has a few more than the tolerated share, as blocks have by chance', () => {
    const tolerances = { lowConfidence: 0.02 };
    const opened = () => new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 200, tolerances })).untilAlarm(unusual);
    const spread = (course: Course, loud: number) => {
      for (let i = 0; i < 200; i++) course.say(i % Math.floor(200 / loud) === 0 ? unusual : usual);
      return course.story;
    };
    expect(spread(opened(), 6)).toEqual(['anomaly.raised', 'anomaly.closed']);
    expect(spread(opened(), 20)).toEqual(['anomaly.raised']);
  });

  it('closes one block after the last unusual row, wherever the blocks before it began', () => {
    for (const loud of [100, 137, 199]) {
      const course = new Course(protectionOf({ r1: ['aim'] }, { quietAfter: 100 })).untilAlarm(unusual);
      say(course, loud, unusual);
      say(course, 110, usual);
      expect(course.story).toEqual(['anomaly.raised', 'anomaly.closed']);
    }
  });
});
