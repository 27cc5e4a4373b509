import { describe, expect, it } from '@jest/globals';
import { Course } from '../testing/course.js';
import {
  anomalyRaised,
  at,
  attackDetected,
  calibrationCompleted,
  deploymentCompleted,
  deploymentFailed,
  deploymentRolledBack,
  evaluationCompleted,
  file,
  jobFailed,
  robustness,
  sha,
  trainingCompleted,
  window,
} from '../testing/events.js';
import { NotNowError } from './model.js';
import { step } from './step.js';

const ID = 'defense.anomaly-1';
const states = (course: Course) => course.all('defense.changed').map(({ state }) => state);
const names = (events: { name: string }[]) => events.map(({ name }) => name);

describe('from an attack to a recovered model', () => {
  const course = new Course().until('recovered');

  it('goes through every state of the way, one event for each', () => {
    expect(states(course)).toEqual(['detected', 'training', 'evaluating', 'rolling-out', 'verifying', 'recovered']);
    expect(course.all('defense.changed').map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(course.all('defense.changed').map(({ from }) => from)).toEqual([null, ...states(course).slice(0, -1)]);
  });

  it('asks for one training, with the recipe, budget and seed of the policy', () => {
    expect(course.all('training.requested')).toEqual([
      expect.objectContaining({
        jobId: `${ID}.training`,
        defenseId: ID,
        modelFile: file('a'),
        timeBudgetSeconds: 3600,
        seed: 1,
        threatModel: course.context.policy.spec.threatModel,
        recipe: course.context.policy.spec.training.recipe,
      }),
    ]);
  });

  it('has candidate and baseline evaluated at all radii, and the candidate calibrated', () => {
    expect(course.all('evaluation.requested')).toEqual([
      expect.objectContaining({ candidate: file('c'), baseline: file('a'), epsilons: [0.3, 0.1], defenseId: ID }),
    ]);
    expect(course.all('calibration.requested')).toEqual([
      expect.objectContaining({ modelFile: file('c'), defenseId: ID }),
    ]);
  });

  it('protects the candidate before the deployer hears of it, and drops the old revision at the end', () => {
    const order = names(course.events).filter((name) => /protection|deployment/.test(name));
    expect(order).toEqual(['protection.updated', 'deployment.requested', 'protection.updated']);
    const revisions = course
      .all('protection.updated')
      .map((update) => update.revisions.map(({ revision }) => revision));
    expect(revisions).toEqual([['first', 'rcccccccc'], ['rcccccccc']]);
    expect(course.all('protection.updated')[0]?.revisions[1]).toEqual({
      revision: 'rcccccccc',
      modelFile: file('c'),
      calibration: { uri: `file:///calibrations/${sha('c')}.json`, sha256: sha('e') },
      certified: true,
    });
  });

  it('asks for a rollout that is withdrawn when live accuracy breaks the promise', () => {
    const [request] = course.all('deployment.requested');
    expect(request).toMatchObject({ revision: 'rcccccccc', previousRevision: 'first', modelFile: file('c') });
    expect(request?.minimumAccuracy).toBeCloseTo(0.88, 2); // lower end of Wilson's interval of 900 in 1000
  });

  it('ends with a certificate of what was measured', () => {
    const [ended] = course.all('defense.ended');
    expect(ended).toMatchObject({ state: 'recovered', revision: 'first', defenseId: ID });
    expect(ended?.certificate).toMatchObject({
      before: { sha256: sha('a') },
      after: { sha256: sha('c') },
      afterLive: { n: 100, value: 0.96 },
      during: null,
      revisions: { before: 'first', after: 'rcccccccc' },
      times: { alarmAt: at(10), verdictAt: at(20), servingAt: at(200) },
      datasetSha256: sha('d'),
    });
    expect(course.model).toMatchObject({ serving: 'rcccccccc', lastEndAt: at(204) });
  });

  it('repeats of any event, at any time, change nothing', () => {
    const again = new Course().until('recovered');
    const before = structuredClone(again.model);
    for (const incoming of [...again.taken].reverse()) {
      if (incoming.kind !== 'start') expect(again.take(incoming)).toEqual([]);
    }
    expect(again.model).toEqual(before);
  });

  it('an alarm that comes after its verdict still tells when it was', () => {
    const late = new Course();
    late.hear('attack.detected', attackDetected('anomaly-1'));
    expect(late.hear('anomaly.raised', anomalyRaised('anomaly-1'))).toEqual([]);
    expect(late.defense).toMatchObject({ alarmAt: at(10), verdictAt: at(20) });
  });

  it('each event twice in a row does the same as once', () => {
    const single = new Course().until('recovered');
    let model = new Course().model;
    const events = [];
    let second = 0;
    for (const incoming of single.taken) {
      second++;
      for (const context of [single.context, single.context]) {
        const taken = step(model, incoming, { ...context, now: at(second) });
        model = taken.model;
        events.push(...taken.events.map(({ name }) => name));
      }
    }
    expect(events).toEqual(names(single.events));
  });

  it('the accuracy during the attack counts the attacked revision from the alarm to the rollout', () => {
    const attacked = new Course();
    attacked.at(10).hear('anomaly.raised', anomalyRaised('anomaly-1'));
    attacked.hear('accuracy.window', window(at(9), { labelled: 50, correct: 50 })); // ended before the alarm
    attacked.hear('accuracy.window', window(at(12), { labelled: 50, correct: 20 }));
    attacked.until('training');
    attacked.hear('accuracy.window', window(at(30), { labelled: 50, correct: 10 }));
    attacked.hear('accuracy.window', window(at(30), { labelled: 50, correct: 10 })); // delivered twice
    attacked.until('recovered');
    expect(attacked.defense.certificate?.during).toMatchObject({ n: 100, value: 0.3 });
  });
});

describe('the other ends', () => {
  it.each([
    [
      'robust accuracy below the gate',
      { candidate: robustness(sha('c'), 0.98, 0.7) },
      'accuracy under PGD, eps 0.3: 70.0 % (>= 80.0 %)',
    ],
    ['too much clean accuracy lost', { candidate: robustness(sha('c'), 0.95, 0.9) }, 'loss of clean accuracy: 4.0 %'],
    ['not better than before', { baseline: robustness(sha('a'), 0.99, 0.92) }, 'better than before under PGD'],
    [
      'outputs that are not numbers',
      { candidate: robustness(sha('c'), 0.98, 0.9, ['not a number: the model gives NaN for some inputs']) },
      'numerically sound: not a number',
    ],
    ['another candidate', { candidate: robustness(sha('b'), 0.98, 0.9) }, 'another candidate'],
    ['another dataset', { datasetSha256: sha('9') }, 'another dataset'],
    ['no baseline', { baseline: null }, 'no baseline'],
  ])('rejected: %s', (_, results, reason) => {
    const course = new Course().until('evaluating');
    course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID, results));
    expect(course.defense).toMatchObject({ state: 'rejected', reason: expect.stringContaining(reason) });
    expect(course.defense.gates?.some(({ passed }) => !passed)).toBe(true);
    expect(course.all('defense.ended')).toEqual([expect.objectContaining({ state: 'rejected', certificate: null })]);
    expect(course.all('deployment.requested')).toEqual([]);
    expect(course.model).toMatchObject({ serving: 'first', revisions: [{ revision: 'first' }] });
    expect(course.hear('calibration.completed', calibrationCompleted(`${ID}.calibration`, ID))).toEqual([]);
  });

  it('a weaker attack than asked for proves nothing', () => {
    const course = new Course().until('evaluating');
    const weak = { ...robustness(sha('c'), 0.98, 0.9), attack: { steps: 5, restarts: 1 } };
    course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID, { candidate: weak }));
    expect(course.defense.reason).toContain('a weaker attack');
  });

  it('evaluation and calibration may come in either order; both are needed', () => {
    const course = new Course().until('evaluating');
    course.hear('calibration.completed', calibrationCompleted(`${ID}.calibration`, ID));
    expect(course.defense.state).toBe('evaluating');
    course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID));
    expect(course.defense.state).toBe('rolling-out');
  });

  it('failed: the training', () => {
    const course = new Course().until('training');
    course.hear('training.failed', jobFailed(`${ID}.training`, ID));
    expect(course.defense).toMatchObject({
      state: 'failed',
      reason: 'training failed: out of memory; revision first serves as before',
    });
  });

  it('failed: the evaluation', () => {
    const course = new Course().until('evaluating');
    course.hear('evaluation.failed', jobFailed(`${ID}.evaluation`, ID));
    expect(course.defense.state).toBe('failed');
  });

  it('failed: the calibration, of a candidate that passed the gates', () => {
    const course = new Course().until('evaluating');
    course.hear('calibration.failed', jobFailed(`${ID}.calibration`, ID));
    expect(course.defense.state).toBe('evaluating');
    course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID));
    expect(course.defense).toMatchObject({ state: 'failed', reason: expect.stringContaining('calibration failed') });
    expect(course.all('deployment.requested')).toEqual([]);
  });

  it('rejected, not failed: a candidate that passes no gate and cannot be calibrated', () => {
    const course = new Course().until('evaluating');
    course.hear('calibration.failed', jobFailed(`${ID}.calibration`, ID));
    const candidate = robustness(sha('c'), 0.1, 0);
    course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID, { candidate }));
    expect(course.defense.state).toBe('rejected');
  });

  it('failed: a calibration of another model', () => {
    const course = new Course().until('evaluating');
    course.hear('calibration.completed', calibrationCompleted(`${ID}.calibration`, ID, sha('b')));
    expect(course.defense.state).toBe('failed');
  });

  it('failed: the candidate could not be loaded; it is protected no more', () => {
    const course = new Course().until('rolling-out');
    course.hear('deployment.failed', deploymentFailed(`${ID}.deployment`, ID));
    expect(course.defense.state).toBe('failed');
    expect(
      course
        .all('protection.updated')
        .at(-1)
        ?.revisions.map(({ revision }) => revision),
    ).toEqual(['first']);
  });

  it('rolled back: the old revision serves and is the only protected one', () => {
    const course = new Course().until('rolling-out');
    course.hear('deployment.rolled-back', deploymentRolledBack(`${ID}.deployment`, ID));
    expect(course.defense.state).toBe('rolled-back');
    expect(course.model).toMatchObject({ serving: 'first', revisions: [{ revision: 'first' }] });
    expect(course.hear('deployment.completed', deploymentCompleted(`${ID}.deployment`, ID))).toEqual([]);
  });

  it('failed: a training that gives no news', () => {
    const course = new Course().until('training');
    expect(course.tick(20 + 2 * 3600)).not.toContainEqual(expect.objectContaining({ name: 'defense.ended' }));
    course.tick(20 + 2 * 3600 + 900);
    expect(course.defense.state).toBe('failed');
    expect(course.all('training.cancel')).toHaveLength(1);
  });

  it('a training that makes progress may go on', () => {
    const course = new Course().until('training');
    const progress = {
      namespace: 'ml',
      model: 'digits',
      jobId: `${ID}.training`,
      defenseId: ID,
      trainer: 't',
      attempt: 1,
      step: 5,
      totalSteps: 9,
      epoch: 1,
      epochs: 6,
      loss: 1,
      accuracy: 0.5,
      robustAccuracy: null,
      etaSeconds: 60,
    };
    course.at(2 * 3600).hear('training.progress', progress);
    course.tick(3 * 3600);
    expect(course.defense.state).toBe('training');
  });

  it('failed: nothing to harden without an artifact', () => {
    const course = new Course({}, { modelFile: null, dataset: null });
    course.hear('attack.detected', attackDetected('anomaly-1'));
    expect(course.defense).toMatchObject({ state: 'failed', reason: expect.stringContaining('nothing to harden') });
    expect(states(course)).toEqual(['detected', 'failed']);
  });

  it('failed: live accuracy clearly below the promise when the time is up; no certificate', () => {
    const course = new Course().until('verifying');
    course.hear('accuracy.window', window(at(202), { labelled: 200, correct: 100 }, 'rcccccccc'));
    expect(course.defense.state).toBe('verifying');
    course.tick(261);
    expect(course.defense).toMatchObject({ state: 'failed', certificate: null });
    expect(course.model.revisions).toEqual([expect.objectContaining({ revision: 'rcccccccc', certified: false })]);
  });

  it('recovered without live confirmation when no label comes in time, and says so', () => {
    const course = new Course().until('verifying');
    course.hear('accuracy.window', window(at(202), { labelled: 0, correct: 0 }, 'rcccccccc'));
    course.tick(261);
    expect(course.defense).toMatchObject({ state: 'recovered', certificate: { afterLive: null } });
    expect(course.defense.reason).toContain('no labels came');
  });
});

describe('what does not belong to the open job changes nothing', () => {
  it.each([
    [
      'a training of another job',
      (course: Course) => course.hear('training.completed', trainingCompleted('other', ID)),
    ],
    [
      'an evaluation before there is a candidate',
      (course: Course) => course.hear('evaluation.completed', evaluationCompleted(`${ID}.evaluation`, ID)),
    ],
    [
      'a rollout nobody asked for',
      (course: Course) => course.hear('deployment.completed', deploymentCompleted(`${ID}.deployment`, ID)),
    ],
    [
      'a window of a revision that is not verified',
      (course: Course) => course.hear('accuracy.window', window(at(30), {}, 'other')),
    ],
  ])('%s', (_, hear) => {
    const course = new Course().until('training');
    const before = structuredClone(course.model);
    expect(hear(course)).toEqual([]);
    expect(course.model).toEqual(before);
  });

  it('an attack on a revision that is not protected', () => {
    const course = new Course();
    expect(course.hear('attack.detected', attackDetected('anomaly-9', 'gone'))).toEqual([]);
  });
});

describe('cancel', () => {
  it.each(['training', 'evaluating'] as const)('while %s', (state) => {
    const course = new Course().until(state);
    course.take({ kind: 'cancel', defenseId: ID, by: 'ann' });
    expect(course.defense).toMatchObject({ state: 'failed', reason: expect.stringContaining('cancelled by ann') });
    expect(course.all('training.cancel')).toHaveLength(state === 'training' ? 1 : 0);
  });

  it.each(['rolling-out', 'verifying', 'recovered'] as const)('not while %s', (state) => {
    const course = new Course().until(state);
    expect(() => course.take({ kind: 'cancel', defenseId: ID, by: 'ann' })).toThrow(NotNowError);
  });
});
