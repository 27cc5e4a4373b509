import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  anomalyClosed,
  attackDetected,
  deploymentRolledBack,
  file,
  jobFailed,
  undetermined,
} from './testing/events.js';
import { attack, calibrateCandidate, evaluate, idOf, train } from './testing/others.js';
import { openWorld, type World } from './testing/world.js';

let world: World | undefined;
jest.setTimeout(180_000);
afterEach(() => world?.stop());

const ended = (of: World, defenseId: string) => of.seen('defense.ended', (data) => data.defenseId === defenseId);

describe('the other ends of a defense', () => {
  it('rejected by the gate, then rolled back by the canary, and a person may look at both', async () => {
    world = await openWorld({ coolDownSeconds: 0 });
    await attack(world, 'anomaly-1');
    await train(world, idOf('anomaly-1'));
    await calibrateCandidate(world, idOf('anomaly-1'));
    await evaluate(world, idOf('anomaly-1'), 0.5);
    expect((await ended(world, idOf('anomaly-1'))).data).toMatchObject({ state: 'rejected', certificate: null });
    await world.publish('anomaly.closed', anomalyClosed('anomaly-1'));

    await attack(world, 'anomaly-2');
    await train(world, idOf('anomaly-2'), file('b'));
    await calibrateCandidate(world, idOf('anomaly-2'));
    await evaluate(world, idOf('anomaly-2'));
    const { data: deployment } = await world.seen('deployment.requested');
    expect(deployment).toMatchObject({
      defenseId: idOf('anomaly-2'),
      revision: 'rbbbbbbbb',
      previousRevision: 'first',
    });
    const rolledBack = deploymentRolledBack(deployment.deploymentId, idOf('anomaly-2'), deployment.revision);
    await world.publish('deployment.rolled-back', rolledBack);
    expect((await ended(world, idOf('anomaly-2'))).data.state).toBe('rolled-back');
    expect((await world.last('protection.updated')).revisions).toMatchObject([{ revision: 'first', certified: false }]);

    const list = async (query: string) =>
      ((await world!.http('GET', `/v1/defenses?${query}`)).body as unknown as { defenseId: string }[]).map(
        (one) => one.defenseId,
      );
    expect(await list('')).toEqual([idOf('anomaly-2'), idOf('anomaly-1')]);
    expect(await list('model=digits&state=rejected')).toEqual([idOf('anomaly-1')]);
    expect(await list('model=other')).toEqual([]);
    expect(await list('limit=1')).toEqual([idOf('anomaly-2')]);
  });

  it('a person approves, cancels, and hardens over HTTP; the cool-down suppresses what nobody ordered', async () => {
    world = await openWorld({ approval: 'manual', coolDownSeconds: 3600 } as never);
    const path = `/v1/defenses/${idOf('anomaly-1')}`;
    await attack(world, 'anomaly-1');
    const { data: question } = await world.seen('defense.question');
    expect(question).toMatchObject({ defenseId: idOf('anomaly-1') });

    expect(await world.http('POST', `${path}/approve`, {})).toMatchObject({ status: 400, body: { field: 'by' } });
    expect(await world.http('POST', '/v1/defenses/nobody/approve', { by: 'ann' })).toMatchObject({ status: 404 });
    expect(await world.http('POST', `${path}/approve`, { by: 'ann' })).toMatchObject({
      status: 200,
      body: { state: 'training', approvedBy: 'ann' },
    });
    expect(await world.http('POST', `${path}/approve`, { by: 'ann' })).toMatchObject({ status: 409 });
    await world.seen('training.requested');
    expect(await world.http('POST', `${path}/cancel`, { by: 'ann' })).toMatchObject({ body: { state: 'failed' } });
    const { data: cancelled } = await world.seen('training.cancel');
    await world.publish('training.failed', jobFailed(cancelled.jobId, idOf('anomaly-1'), true));
    await world.publish('anomaly.closed', anomalyClosed('anomaly-1'));

    await world.publish('attack.detected', attackDetected('anomaly-2'));
    await world.publish('attack.detected', attackDetected('anomaly-2'));
    expect((await ended(world, 'defense.anomaly-2.suppressed')).data.reason).toContain('cool-down');
    expect(await world.http('POST', '/v1/anomalies/anomaly-2/harden', { by: 'ann' })).toMatchObject({
      status: 200,
      body: { defenseId: idOf('anomaly-2'), state: 'training', reason: 'ordered by ann' },
    });
    await world.seen('training.requested', (job) => job.defenseId === idOf('anomaly-2'));
    expect(world.all('training.requested')).toHaveLength(2);
  });

  it('asks about what is undetermined, and lets a person dismiss it', async () => {
    world = await openWorld();
    await world.publish('verdict.undetermined', undetermined('anomaly-1'));
    expect((await world.seen('defense.question')).data).toMatchObject({ anomalyId: 'anomaly-1', defenseId: null });
    expect(await world.http('POST', '/v1/anomalies/anomaly-1/dismiss', { by: 'ann' })).toMatchObject({
      status: 200,
      body: { answer: 'dismissed' },
    });
    expect((await world.http('GET', '/v1/anomalies')).body).toMatchObject([
      { anomalyId: 'anomaly-1', answer: 'dismissed' },
    ]);
    expect(await world.http('POST', '/v1/anomalies/other/dismiss', { by: 'ann' })).toMatchObject({ status: 404 });
  });
});
