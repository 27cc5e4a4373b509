import { describe, expect, it } from '@jest/globals';
import { Course } from '../testing/course.js';
import { calibrationCompleted, file, jobFailed, policy, sha } from '../testing/events.js';
import { newModel } from './protection.js';
import { step } from './step.js';

const { context } = new Course();
const started = () => step(newModel(context), { kind: 'start' }, context);
const published = (events: { name: string; data: object }[]) =>
  events.filter(({ name }) => name === 'protection.updated').map(({ data }) => data);

describe('protection', () => {
  it('begins at once without a calibration, which is asked for once', () => {
    const first = started();
    expect(first.events.map(({ name }) => name)).toEqual(['calibration.requested', 'protection.updated']);
    expect(published(first.events)).toMatchObject([
      { revisions: [{ revision: 'first', modelFile: file('a'), calibration: null, certified: false }] },
    ]);
    const again = step(first.model, { kind: 'start' }, context);
    expect(again.events.map(({ name }) => name)).toEqual(['protection.updated']);
  });

  it('is published again with the calibration when it comes', () => {
    const { model, events } = started();
    const { jobId } = events[0]!.data as { jobId: string };
    const done = calibrationCompleted(jobId, null, sha('a'));
    const after = step(model, { kind: 'calibration.completed', data: done }, context);
    expect(published(after.events)).toMatchObject([{ revisions: [{ calibration: done.calibration }] }]);
    expect(step(after.model, { kind: 'calibration.completed', data: done }, context).events).toEqual([]);
  });

  it('asks again, under another id, at the start after a calibration that failed', () => {
    const { model, events } = started();
    const { jobId } = events[0]!.data as { jobId: string };
    const failed = step(model, { kind: 'calibration.failed', data: jobFailed(jobId, null) }, context);
    const again = step(failed.model, { kind: 'start' }, context);
    expect((again.events[0]?.data as { jobId: string }).jobId).not.toBe(jobId);
  });

  const otherwise = (spec: Parameters<typeof policy>[0]) => ({ ...context, policy: policy(spec) });
  it.each([
    ['the method', { ...context, calibrationMethod: 'v2' }],
    [
      'the radius of the threat model',
      otherwise({ threatModel: { ...context.policy.spec.threatModel, epsilon: 0.2 } }),
    ],
    [
      'the shares of the dataset',
      { ...context, dataset: { ...context.dataset!, shares: { ...context.dataset!.shares, calibration: 0.1 } } },
    ],
  ])('calibrates again when %s has changed, without the old numbers meanwhile', (_what, changed) => {
    const { model } = new Course();
    expect(step(model, { kind: 'start' }, context).events.map(({ name }) => name)).toEqual(['protection.updated']);
    const { events } = step(model, { kind: 'start' }, changed);
    expect(events.map(({ name }) => name)).toEqual(['calibration.requested', 'protection.updated']);
    expect(published(events)).toMatchObject([{ revisions: [{ calibration: null }] }]);
  });

  it('after a rollout a restart keeps what serves, whatever the policy file names', () => {
    const course = new Course().until('recovered');
    course.take({ kind: 'start' });
    expect(course.model.serving).toBe('rcccccccc');
    expect(course.all('protection.updated').at(-1)?.revisions).toMatchObject([
      { revision: 'rcccccccc', certified: true, calibration: { sha256: sha('e') } },
    ]);
    expect(course.all('calibration.requested')).toHaveLength(1); // the candidate's own
  });

  it('a person who deploys another model writes it into the policy, and that counts', () => {
    const course = new Course().until('training');
    course.context = { ...course.context, modelFile: file('b') };
    course.take({ kind: 'start' });
    expect(course.defense).toMatchObject({ state: 'failed', reason: 'the policy names another model now' });
    expect(course.model).toMatchObject({ serving: 'first', revisions: [{ modelFile: file('b'), calibration: null }] });
  });

  it('is repeated now and then, since streams do not keep it for ever', () => {
    const course = new Course();
    expect(course.tick(3599)).toEqual([]);
    expect(course.tick(3600).map(({ name }) => name)).toEqual(['protection.updated']);
    expect(course.tick(3601)).toEqual([]);
  });

  it('a model without an artifact is watched by labels and custom signals alone', () => {
    const bare = { ...context, modelFile: null, dataset: null };
    const { events } = step(newModel(bare), { kind: 'start' }, bare);
    expect(events.map(({ name }) => name)).toEqual(['protection.updated']);
    expect(published(events)).toMatchObject([{ revisions: [{ modelFile: null, calibration: null }] }]);
  });
});
