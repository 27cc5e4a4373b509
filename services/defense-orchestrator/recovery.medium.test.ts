import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  anomalyClosed,
  anomalyRaised,
  attackDetected,
  calibrationCompleted,
  deploymentCompleted,
  window,
} from './testing/events.js';
import { attack, calibrateCandidate, evaluate, idOf, serve, soon, train } from './testing/others.js';
import { openWorld, type World } from './testing/world.js';

let world: World;
jest.setTimeout(180_000);
afterEach(() => world.stop());

const defenseId = idOf('anomaly-1');
const state = (wanted: string) => world.seen('defense.changed', (data) => data.state === wanted);

describe('from an attack to a recovered model', () => {
  it('killed and started again at each stage: one training, one rollout, the right end', async () => {
    world = await openWorld({ coolDownSeconds: 0 });
    const killed = async () => {
      await world.kill(); // in the middle of whatever it does with what was just published
      await world.start();
    };
    const { data: first } = await world.seen('calibration.requested');
    await killed();
    await world.publish(
      'calibration.completed',
      calibrationCompleted(first.jobId, null, world.model.sha256, world.dataset.sha256),
    );
    await world.publish('anomaly.raised', anomalyRaised('anomaly-1'));
    await world.publish('attack.detected', attackDetected('anomaly-1'));
    await killed();
    await state('training'); // what was in work when it died comes again later, after newer messages
    await world.publish('accuracy.window', window(soon(), { labelled: 100, correct: 30 }));
    await train(world, defenseId);
    await killed();
    await calibrateCandidate(world, defenseId);
    await killed();
    await evaluate(world, defenseId);
    await killed();
    const { data: deployment } = await world.seen('deployment.requested');
    await killed();
    await world.publish('deployment.completed', deploymentCompleted(deployment.deploymentId, defenseId));
    await state('verifying');
    await killed();
    await serve(world, deployment.revision);
    const { data: ended } = await world.seen('defense.ended');
    await killed();

    expect(ended).toMatchObject({
      state: 'recovered',
      certificate: { during: { n: 100, value: 0.3 }, afterLive: { n: 100 } },
    });
    for (const job of ['training.requested', 'evaluation.requested', 'deployment.requested', 'defense.ended'] as const)
      expect({ job, times: world.all(job).length }).toEqual({ job, times: 1 });
    expect(world.all('calibration.requested')).toHaveLength(2); // the first model's and the candidate's
    expect(world.all('defense.changed').map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);

    const { status, body } = await world.http('GET', `/v1/defenses/${defenseId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'recovered', certificate: ended.certificate });
    expect(await world.artifact(`certificates/${defenseId}.json`)).toEqual(ended.certificate);

    const [policy] = (await world.http('GET', '/v1/policies')).body as unknown as {
      serving: string;
      revisions: object[];
    }[];
    expect(policy).toMatchObject({ serving: 'rcccccccc', revisions: [{ revision: 'rcccccccc', certified: true }] });
    const last = await world.last('protection.updated');
    expect(last.revisions).toEqual(policy?.revisions);
  });

  it('an attack on the hardened model is contained, and defended when it does harm', async () => {
    world = await openWorld({ coolDownSeconds: 0 });
    await attack(world, 'anomaly-1');
    await train(world, defenseId);
    await calibrateCandidate(world, defenseId);
    await evaluate(world, defenseId);
    const { data: deployment } = await world.seen('deployment.requested');
    const { revision } = deployment;
    await world.publish('deployment.completed', deploymentCompleted(deployment.deploymentId, defenseId));
    await state('verifying');
    await serve(world, revision);
    await state('recovered');
    await world.publish('anomaly.closed', anomalyClosed('anomaly-1'));

    await world.publish('anomaly.raised', anomalyRaised('anomaly-2', revision, soon()));
    await world.publish('accuracy.window', window(soon(5000), {}, revision));
    await world.publish('attack.detected', attackDetected('anomaly-2', revision, soon()));
    const { data: contained } = await world.seen('defense.contained');
    expect(contained).toMatchObject({ anomalyId: 'anomaly-2', confirmed: true });
    await world.seen('evaluation.requested', (job) => job.defenseId === null);
    expect(world.all('training.requested')).toHaveLength(1);

    await world.publish('accuracy.window', window(soon(7000), { correct: 5, errorAlarm: true }, revision));
    await world.seen('training.requested', (job) => job.defenseId === idOf('anomaly-2'));
    expect(world.all('defense.contained')).toHaveLength(1);
  });
});
