import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { CloudEvent } from '#contracts';
import { openInference } from '#serving';
import { eventually, openWorld, type World } from './testing/world.js';

jest.setTimeout(120_000);

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.stop());

const nameOf = ({ type }: CloudEvent) => type.replace('dev.antibody.deployment.', '').replace('.v1', '');
const story = (deploymentId: string) =>
  world.events(deploymentId).map((event) => {
    const data = event.data as { phase?: string; percent?: number };
    return data.phase ? `${data.phase} ${data.percent}` : nameOf(event);
  });
const ended = (deploymentId: string) =>
  eventually(`${deploymentId} ends`, () => world.events(deploymentId).some((event) => nameOf(event) !== 'progressed'));

const PROMOTION = [
  'loading 0',
  'shifting 10',
  'analysing 10',
  'shifting 50',
  'analysing 50',
  'promoting 100',
  'analysing 100',
  'completed',
];

/** Plays the detector: 40 labelled rows of the candidate for each step of a model's rollout. */
function labelEachStep(model: string, correct: (percent: number) => number): void {
  world.onEvent(({ id, data }) => {
    const { phase, percent, ...about } = data as { phase?: string; percent: number; model: string };
    if (about.model !== model || phase !== 'analysing') return;
    const time = new Date().toISOString();
    void world.publish('accuracy.window', `${id}.window`, {
      namespace: 'ml',
      model,
      revision: 'r2',
      from: time,
      to: time,
      n: 50,
      labelled: 40,
      correct: correct(percent),
      errorEvidence: 0,
      errorAlarm: false,
    });
  });
}

describe('deployer', () => {
  it('promotes a good candidate, and does nothing when it is asked again', async () => {
    const { repository, request } = await world.serve('good');
    labelEachStep('good', () => 40);
    await world.publish('deployment.requested', 'good-1', request);
    await ended(request.deploymentId);
    expect(story(request.deploymentId)).toEqual(PROMOTION);
    expect(await repository.traffic()).toEqual({ r1: 0, r2: 100 });
    const [first] = world.events(request.deploymentId);
    expect(first).toMatchObject({ subject: 'ml/good', correlationid: 'a1', data: { defenseId: 'good-defense' } });
    const { revision } = await openInference(request.target, 'good', { dims: [4] }).infer({
      protocol: 'v1',
      rows: 1,
      x: Float32Array.of(1, 2, 3, 4),
    });
    expect(revision).toBe('r2');

    await repository.setTraffic({ r1: 30, r2: 70 }); // would be seen if the rollout went again
    await world.publish('deployment.requested', 'good-2', request);
    await eventually('the second request is settled', async () => (await world.waiting()) === 0);
    expect(story(request.deploymentId)).toEqual(PROMOTION);
    expect(await repository.traffic()).toEqual({ r1: 30, r2: 70 });
  });

  it('withdraws a candidate that real traffic shows to be bad', async () => {
    const { repository, request } = await world.serve('bad');
    labelEachStep('bad', (percent) => (percent < 50 ? 40 : 20));
    await world.publish('deployment.requested', 'bad-1', request);
    await ended(request.deploymentId);
    expect(story(request.deploymentId)).toEqual([...PROMOTION.slice(0, 5), 'rolling-back 0', 'rolled-back']);
    expect(world.events(request.deploymentId).at(-1)?.data).toMatchObject({
      atPercent: 50,
      canary: { value: 0.5, n: 40 },
    });
    expect(await repository.traffic()).toEqual({ r1: 100 });
    expect((await repository.index()).map(({ version }) => version)).toEqual(['r1']);
  });

  it('refuses a file that is not the one that was judged', async () => {
    const { repository, request } = await world.serve('wrong');
    const wrong = { ...request, modelFile: { ...request.modelFile, sha256: '0'.repeat(64) } };
    await world.publish('deployment.requested', 'wrong-1', wrong);
    await ended(request.deploymentId);
    expect(story(request.deploymentId)).toEqual(['failed']);
    expect(await repository.traffic()).toEqual({ r1: 100 });
    expect((await repository.index()).map(({ version }) => version)).toEqual(['r1']);
  });

  it('goes on where it was when it is killed, at every phase, and rolls out once', async () => {
    const { repository, request } = await world.serve('killed');
    labelEachStep('killed', () => 40);
    const killAt = new Set(['loading', 'shifting', 'promoting']);
    let kills = 0;
    let restarting = Promise.resolve();
    world.onEvent(({ data }) => {
      const { model, phase } = data as { model: string; phase?: string };
      if (model !== 'killed' || !phase || !killAt.delete(phase)) return;
      kills++;
      restarting = restarting.then(async () => {
        await world.deployer.kill('SIGKILL');
        await world.deployer.restart();
      });
    });
    await world.publish('deployment.requested', 'killed-1', request);
    await ended(request.deploymentId);
    await restarting;
    expect(kills).toBe(3);
    expect(story(request.deploymentId)).toEqual(PROMOTION);
    expect(await repository.traffic()).toEqual({ r1: 0, r2: 100 });
    await eventually('the request is settled', async () => (await world.waiting()) === 0);
    expect(await world.stored('deployment.completed', 'killed')).toBe(1);
  });

  it('outlasts NATS and Redis being killed in the middle', async () => {
    const { repository, request } = await world.serve('shaken');
    labelEachStep('shaken', () => 40);
    let shaken: Promise<void> | undefined;
    world.onEvent(({ data }) => {
      const { model, phase, percent } = data as { model: string; phase?: string; percent?: number };
      if (model !== 'shaken' || phase !== 'analysing' || percent !== 10) return;
      shaken ??= (async () => {
        await world.redis.kill('SIGKILL');
        await world.redis.restart();
        await world.nats.kill('SIGKILL');
        await world.nats.restart();
      })();
    });
    await world.publish('deployment.requested', 'shaken-1', request);
    const completed = () => world.stored('deployment.completed', 'shaken').catch(() => 0);
    await eventually('it completes', async () => (await completed()) > 0);
    await shaken;
    await eventually('the request is settled', async () => (await world.waiting()) === 0);
    expect(await completed()).toBe(1);
    expect(await world.stored('deployment.progressed', 'shaken')).toBe(PROMOTION.length - 1);
    expect(await repository.traffic()).toEqual({ r1: 0, r2: 100 });
    expect(shaken).toBeDefined();
  });
});
