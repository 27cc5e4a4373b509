import { describe, expect, it } from '@jest/globals';
import { Course, protectionOf } from '../testing/course.js';
import { UNPROTECTED } from './context.js';

const DAY = 86_400;

describe('revisions without a policy', () => {
  it('are watched as long as there is room, also within one message', () => {
    const course = new Course(UNPROTECTED);
    course.room = 2;
    course.say(...['a', 'b', 'c', 'a', 'd'].map((revision) => ({ revision, correct: true })));
    expect(Object.keys(course.state.revisions)).toEqual(['a', 'b']);
    expect(course.revision('a').counts).toEqual({ error: 2 });
    expect(course.ignored).toEqual(['too-many-unprotected', 'too-many-unprotected']);
  });

  it('leave the protected ones their place', () => {
    const course = new Course(protectionOf({ r1: [], r2: [] }));
    course.room = 0;
    course.say({ revision: 'r1', correct: true }, { revision: 'r2', correct: true });
    expect([course.ignored, Object.keys(course.state.revisions)]).toEqual([[], ['r1', 'r2']]);
  });

  it('are forgotten after a week without rows, and an anomaly ends with them', () => {
    const course = new Course(UNPROTECTED).untilAlarm({ revision: 'old', correct: false }).tick();
    course.say({ revision: 'live', correct: true }).tick(6 * DAY);
    expect(Object.keys(course.state.revisions)).toEqual(['old', 'live']);
    course.say({ revision: 'live', correct: true }).tick(DAY + 10);
    expect(Object.keys(course.state.revisions)).toEqual(['live']);
    expect(course.last('anomaly.closed')).toMatchObject({ revision: 'old', reason: 'revision-gone' });
  });

  it('are kept for good once a policy names them', () => {
    const course = new Course(protectionOf({ r1: [] })).say({ correct: true }).tick();
    expect(Object.keys(course.tick(30 * DAY).state.revisions)).toEqual(['r1']);
  });
});
