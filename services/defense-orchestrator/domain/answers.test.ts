import { describe, expect, it } from '@jest/globals';
import { Course } from '../testing/course.js';
import {
  anomalyClosed,
  anomalyRaised,
  at,
  attackDetected,
  driftDetected,
  evaluationCompleted,
  jobFailed,
  robustness,
  sha,
  undetermined,
  window,
} from '../testing/events.js';
import { NotNowError } from './model.js';

const ID = 'defense.anomaly-1';

describe('one defense at a time', () => {
  it('suppresses an attack while a defense is open, once', () => {
    const course = new Course().until('training');
    course.hear('attack.detected', attackDetected('anomaly-2'));
    course.hear('attack.detected', attackDetected('anomaly-2'));
    expect(course.all('defense.ended')).toEqual([
      expect.objectContaining({
        defenseId: 'defense.anomaly-2.suppressed',
        state: 'suppressed',
        reason: expect.stringContaining(`${ID} is open`),
      }),
    ]);
    expect(course.defense).toMatchObject({ defenseId: ID, state: 'training' });
    expect(course.all('training.requested')).toHaveLength(1);
  });

  it('suppresses an attack in the cool-down, and defends it afterwards if it still goes on', () => {
    const course = new Course({ coolDownSeconds: 600 }).until('training');
    course.at(100).hear('training.failed', jobFailed(`${ID}.training`, ID));
    course.at(200).hear('anomaly.raised', anomalyRaised('anomaly-2', 'first', at(200)));
    course.hear('attack.detected', attackDetected('anomaly-2'));
    expect(course.all('defense.ended').at(-1)).toMatchObject({
      state: 'suppressed',
      reason: expect.stringContaining('500 s more'),
    });
    expect(course.tick(699)).toEqual([]);
    course.tick(700);
    expect(course.defense).toMatchObject({ defenseId: 'defense.anomaly-2', state: 'training' });
    expect(course.all('training.requested').map(({ seed }) => seed)).toEqual([1, 2]);
  });

  it('leaves it when the attack is over before', () => {
    const course = new Course({ coolDownSeconds: 600 }).until('training');
    course.at(100).hear('training.failed', jobFailed(`${ID}.training`, ID));
    course.at(200).hear('attack.detected', attackDetected('anomaly-2'));
    course.at(300).hear('anomaly.closed', anomalyClosed('anomaly-2'));
    expect(course.tick(900)).toEqual([]);
  });
});

describe('manual approval', () => {
  const manual = () => new Course({ approval: 'manual' } as never);

  it('asks once and waits', () => {
    const course = manual().until('training');
    expect(course.defense.state).toBe('awaiting-approval');
    expect(course.all('defense.question')).toEqual([expect.objectContaining({ defenseId: ID })]);
    expect(course.all('training.requested')).toEqual([]);
    expect(course.tick(30 * 24 * 3600 - 1).map(({ name }) => name)).toEqual(['protection.updated']);
  });

  it('trains after the approval, and keeps who gave it', () => {
    const course = manual().until('training');
    course.take({ kind: 'approve', defenseId: ID, by: 'ann' });
    expect(course.defense).toMatchObject({ state: 'training', approvedBy: 'ann' });
    expect(() => course.take({ kind: 'approve', defenseId: ID, by: 'bob' })).toThrow(NotNowError);
    expect(course.all('training.requested')).toHaveLength(1);
  });

  it('ends rejected when a person says no', () => {
    const course = manual().until('training');
    course.take({ kind: 'reject', defenseId: ID, by: 'ann' });
    expect(course.defense).toMatchObject({ state: 'rejected', reason: 'rejected by ann' });
  });
});

describe('verdicts that are no attack', () => {
  it('drift is recorded and starts nothing', () => {
    const course = new Course();
    course.hear('anomaly.raised', anomalyRaised('anomaly-1'));
    expect(course.hear('drift.detected', driftDetected('anomaly-1'))).toEqual([]);
    expect(course.model.anomalies['first']).toMatchObject({ verdict: 'drift', answer: 'none' });
  });

  it('drift can still turn into attack, and attack into nothing else', () => {
    const course = new Course();
    course.hear('drift.detected', driftDetected('anomaly-1'));
    course.hear('attack.detected', attackDetected('anomaly-1'));
    course.hear('drift.detected', driftDetected('anomaly-1'));
    expect(course.model.anomalies['first']?.verdict).toBe('attack');
    expect(course.defense.state).toBe('training');
  });

  it('undetermined: a person is asked, once, and may harden', () => {
    const course = new Course();
    course.hear('verdict.undetermined', undetermined('anomaly-1'));
    course.hear('verdict.undetermined', undetermined('anomaly-1'));
    expect(course.all('defense.question')).toEqual([
      expect.objectContaining({ anomalyId: 'anomaly-1', defenseId: null }),
    ]);
    expect(course.model.defense).toBeNull();
    course.take({ kind: 'harden', anomalyId: 'anomaly-1', by: 'ann' });
    expect(course.defense).toMatchObject({ state: 'training', approvedBy: 'ann' });
    expect(() => course.take({ kind: 'dismiss', anomalyId: 'anomaly-1', by: 'ann' })).toThrow(NotNowError);
  });

  it('undetermined: a person may dismiss it', () => {
    const course = new Course();
    course.hear('verdict.undetermined', undetermined('anomaly-1'));
    course.take({ kind: 'dismiss', anomalyId: 'anomaly-1', by: 'ann' });
    expect(course.model.anomalies['first']?.answer).toBe('dismissed');
    expect(course.model.defense).toBeNull();
  });

  it.each([
    ['harden', 1],
    ['ignore', 0],
  ] as const)('undetermined: the policy says %s', (onUndetermined, trainings) => {
    const course = new Course({ detection: { onUndetermined } });
    course.hear('verdict.undetermined', undetermined('anomaly-1'));
    expect(course.all('training.requested')).toHaveLength(trainings);
    expect(course.all('defense.question')).toEqual([]);
  });

  it('an order about an anomaly that nobody knows is refused', () => {
    expect(() => new Course().take({ kind: 'harden', anomalyId: 'anomaly-7', by: 'ann' })).toThrow(NotNowError);
  });

  it('a person may order a second defense after one that failed', () => {
    const course = new Course().until('training');
    expect(() => course.take({ kind: 'harden', anomalyId: 'anomaly-1', by: 'ann' })).toThrow(`${ID} is open`);
    course.hear('training.failed', jobFailed(`${ID}.training`, ID));
    course.take({ kind: 'harden', anomalyId: 'anomaly-1', by: 'ann' });
    expect(course.defense).toMatchObject({ defenseId: `${ID}.2`, state: 'training' });
  });
});

describe('an attack on a certified revision', () => {
  const revision = 'rcccccccc';
  const evaluationJob = 'contained.anomaly-2.evaluation';
  const hardened = (spec = {}) => {
    const course = new Course({ coolDownSeconds: 60, ...spec }).until('recovered').at(1000);
    course.hear('anomaly.raised', anomalyRaised('anomaly-2', revision, at(1000)));
    return course;
  };
  const attacked = (course = hardened()) => {
    course.hear('accuracy.window', window(at(1002), { labelled: 40, correct: 38 }, revision));
    course.hear('attack.detected', attackDetected('anomaly-2', revision, at(1003)));
    return course;
  };
  const evaluated = (course: Course, pgd: number) =>
    course.hear(
      'evaluation.completed',
      evaluationCompleted(evaluationJob, null, { candidate: robustness(sha('c'), 0.98, pgd), baseline: null }),
    );

  it('is contained, once, and confirmed by labels', () => {
    const course = attacked();
    course.hear('attack.detected', attackDetected('anomaly-2', revision));
    course.tick(1100);
    expect(course.all('defense.contained')).toEqual([
      expect.objectContaining({ anomalyId: 'anomaly-2', revision, confirmed: true }),
    ]);
    expect(course.all('training.requested')).toHaveLength(1);
    expect(course.defense.state).toBe('recovered');
  });

  it('is contained, unconfirmed, without labels and without a verdict', () => {
    const course = hardened();
    course.hear('verdict.undetermined', undetermined('anomaly-2', revision));
    expect(course.all('defense.contained')).toEqual([expect.objectContaining({ confirmed: false })]);
    expect(course.all('defense.question')).toEqual([]);
  });

  it('has the serving model evaluated again, once', () => {
    const course = attacked();
    course.tick(1100);
    const jobs = course.all('evaluation.requested').filter(({ defenseId }) => defenseId === null);
    expect(jobs).toEqual([
      expect.objectContaining({
        jobId: evaluationJob,
        baseline: null,
        candidate: expect.objectContaining({ sha256: sha('c') }),
      }),
    ]);
    expect(evaluated(course, 0.88)).toEqual([]);
  });

  it('is defended when the labelled error rises', () => {
    const course = attacked();
    course
      .at(1010)
      .hear('accuracy.window', window(at(1010), { labelled: 40, correct: 10, errorAlarm: true }, revision));
    expect(course.defense).toMatchObject({ defenseId: 'defense.anomaly-2', state: 'training', revision });
    expect(course.all('training.requested').at(-1)).toMatchObject({ modelFile: { sha256: sha('c') } });
  });

  it('is defended when the evaluation falls under the gate', () => {
    const course = attacked();
    evaluated(course, 0.6);
    expect(course.defense).toMatchObject({ defenseId: 'defense.anomaly-2', state: 'training' });
    expect(course.all('defense.changed').at(-2)?.reason).toContain('no longer holds what the policy asks');
    expect(evaluated(course, 0.6)).toEqual([]);
  });

  it('goes to a person when the labelled error rises and there is no verdict', () => {
    const course = hardened();
    course.hear('verdict.undetermined', undetermined('anomaly-2', revision));
    course.hear('accuracy.window', window(at(1010), { errorAlarm: true }, revision));
    expect(course.all('defense.question')).toHaveLength(1);
    expect(course.all('training.requested')).toHaveLength(1);
  });

  it('waits for the end of the cool-down when harm begins within it', () => {
    const course = attacked(hardened({ coolDownSeconds: 3600 }));
    course.at(1010).hear('accuracy.window', window(at(1010), { errorAlarm: true }, revision));
    expect(course.all('defense.ended').at(-1)?.state).toBe('suppressed');
    course.at(1012).hear('accuracy.window', window(at(1012), { errorAlarm: true }, revision));
    expect(course.all('defense.ended').filter(({ state }) => state === 'suppressed')).toHaveLength(1);
    course.tick(204 + 3600);
    expect(course.defense).toMatchObject({ defenseId: 'defense.anomaly-2', state: 'training' });
  });

  it('of which the proof is still being confirmed: contained, without another evaluation', () => {
    const course = new Course().until('verifying');
    course.hear('attack.detected', attackDetected('anomaly-2', revision));
    expect(course.all('defense.contained')).toHaveLength(1);
    expect(course.all('evaluation.requested')).toHaveLength(1);
    expect(course.defense.state).toBe('verifying');
  });
});
