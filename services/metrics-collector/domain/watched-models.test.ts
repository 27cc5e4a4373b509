import { describe, expect, it } from '@jest/globals';
import type { AnomalyClosed, AnomalyRaised } from '#contracts';
import { protectionOf } from '../testing/protection.js';
import { WatchedModels } from './watched-models.js';

const model = { namespace: 'ml', model: 'm' };
const raised = (anomalyId: string, revision = 'r1') => ({ ...model, revision, anomalyId }) as AnomalyRaised;
const closed = (anomalyId: string, revision = 'r1') => ({ ...model, revision, anomalyId }) as AnomalyClosed;
const at = (sequence: number) => ({ sequence, time: sequence });

describe('watched models', () => {
  const open = () => {
    const models = new WatchedModels();
    models.protect(protectionOf('m', ['r1', 'r2']));
    return models;
  };
  const anomalyOf = (models: WatchedModels, revision = 'r1') => {
    const found = models.find(model, revision);
    return typeof found === 'string' ? found : found.anomaly?.anomalyId;
  };

  it('tell an unknown model from an unknown revision', () => {
    const models = open();
    expect(models.find({ namespace: 'ml', model: 'other' }, 'r1')).toBe('unknown-model');
    expect(models.find(model, 'r3')).toBe('unknown-revision');
    expect(models.find(model, 'r2')).toMatchObject({ revision: { revision: 'r2' } });
  });

  it('forget a revision that the latest update leaves out', () => {
    const models = open();
    models.protect(protectionOf('m', ['r2']));
    expect(models.find(model, 'r1')).toBe('unknown-revision');
  });

  it('have an anomaly open on its own revision from raised to closed', () => {
    const models = open();
    models.raise(raised('a1'), at(1));
    expect([anomalyOf(models, 'r1'), anomalyOf(models, 'r2')]).toEqual(['a1', undefined]);
    models.close(closed('a1'), at(2));
    expect(anomalyOf(models)).toBeUndefined();
  });

  it('have anomalies open on two revisions at once', () => {
    const models = open();
    models.raise(raised('a1'), at(1));
    models.raise(raised('a2', 'r2'), at(2));
    expect([anomalyOf(models, 'r1'), anomalyOf(models, 'r2')]).toEqual(['a1', 'a2']);
    models.close(closed('a2', 'r2'), at(3));
    expect([anomalyOf(models, 'r1'), anomalyOf(models, 'r2')]).toEqual(['a1', undefined]);
  });

  it('know the same whatever came first: the closings of the whole history, the raisings, or both again', () => {
    const raisings = [1, 3, 5].map((n) => (models: WatchedModels) => models.raise(raised(`a${n}`), at(n)));
    const closings = [2, 4].map((n) => (models: WatchedModels) => models.close(closed(`a${n - 1}`), at(n)));
    for (const order of [
      [...closings, ...raisings],
      [...raisings, ...closings],
      [...closings, ...raisings, ...closings, ...raisings],
    ]) {
      const models = open();
      for (const tell of order) tell(models);
      expect(anomalyOf(models)).toBe('a5');
      models.close(closed('a5'), at(6));
      for (const tell of order) {
        tell(models);
        expect(anomalyOf(models)).toBeUndefined(); // nor in between
      }
    }
  });

  it('go by the time where the stream was made anew', () => {
    const models = open();
    models.close(closed('a1'), at(500));
    models.raise(raised('a2'), { sequence: 1, time: 501 });
    expect(anomalyOf(models)).toBe('a2');
  });
});
