import { describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { DeploymentRequested } from '#contracts';
import { FakePlatform, FakeRollouts, request } from '../testing/fake-world.js';
import { RolloutRunner } from './rollout-runner.js';

Logger.overrideLogger(false);
jest.setTimeout(30_000);

class Killed extends Error {}

interface World {
  platform: FakePlatform;
  rollouts: FakeRollouts;
  start: (asked?: DeploymentRequested) => Promise<void>;
}

/**
 * Everything outside the process: platform, store and time, which passes only in pauses. `alive` is asked before and after each
 * call to the outside and may throw: the process is killed there.
 */
function world(
  alive: () => void = () => undefined,
  everySecond: (world: World, s: number) => void = () => undefined,
): World {
  let clock = 0;
  const platform = new FakePlatform();
  const rollouts = new FakeRollouts(() => clock);
  const mortal = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          alive();
          const result: unknown = await (value as (...args: unknown[]) => unknown).apply(object, args);
          alive();
          return result;
        };
      },
    });
  const self: World = {
    platform,
    rollouts,
    start: (asked = request) =>
      new RolloutRunner({
        rollouts: mortal(rollouts),
        platformFor: () => ({
          // A dead process sees no error of the platform: it sees nothing any more.
          observe: () => platform.observe(),
          load: (revision) => mortal(platform).load(revision),
          setTraffic: (split) => mortal(platform).setTraffic(split),
          unload: (revision) => mortal(platform).unload(revision),
        }),
        fileProblem: () => Promise.resolve(asked.modelFile.uri.includes('changed') ? 'another SHA-256' : undefined),
        now: () => clock,
        pause: (signal) => {
          clock += 1000;
          everySecond(self, clock / 1000);
          alive();
          signal.throwIfAborted();
          return Promise.resolve();
        },
      }).run(asked, 'a1', new AbortController().signal),
  };
  return self;
}

const names = ({ rollouts }: World) =>
  rollouts.published.map(({ name, data }) => `${name.split('.')[1]} ${(data.phase as string) ?? ''}`.trim());
const label = (correct: number) => (w: World) => void giveLabels(w, correct);
async function giveLabels({ rollouts }: World, correct: number): Promise<void> {
  const rollout = await rollouts.read('d1').catch(() => undefined);
  if (rollout?.phase === 'analysing' && rollout.step === 1)
    rollouts.write({ ...rollout, canary: { labelled: 50, correct } });
}

describe('a rollout', () => {
  it('loads at 0 %, raises the traffic step by step, and completes', async () => {
    const w = world();
    await w.start();
    expect(w.platform.log).toEqual(['load r2', 'traffic r2 10', 'traffic r2 50', 'traffic r2 100']);
    expect(names(w)).toEqual([
      'progressed loading',
      'progressed shifting',
      'progressed analysing',
      'progressed shifting',
      'progressed analysing',
      'progressed promoting',
      'progressed analysing',
      'completed',
    ]);
    expect(w.rollouts.published.at(-1)?.data.traffic).toEqual({ r1: 0, r2: 100 });
  });

  it('goes back when the canary is bad: 0 % first, then unloaded', async () => {
    const w = world(undefined, label(10));
    await w.start();
    expect(w.platform.log).toEqual(['load r2', 'traffic r2 10', 'traffic r2 50', 'traffic r2 0', 'unload r2']);
    expect(w.rollouts.published.at(-1)).toMatchObject({
      name: 'deployment.rolled-back',
      data: { atPercent: 50, canary: { value: 0.2, n: 50 } },
    });
    expect(w.platform.traffic).toEqual({ r1: 100, r2: 0 });
  });

  it.each<[string, (platform: FakePlatform) => void]>([
    ['never gets ready', (p) => (p.looksUntilLoaded = Infinity)],
    ['cannot be loaded', (p) => (p.loadsAs = { state: 'failed', reason: 'no such op' })],
  ])('fails without a percent of traffic when the candidate %s', async (_, prepare) => {
    const w = world();
    prepare(w.platform);
    await w.start();
    expect(w.platform.mostTraffic).toBe(0);
    expect(w.platform.revisions).toEqual({ r1: { state: 'ready' } });
    expect(names(w)).toEqual(['progressed loading', 'failed']);
  });

  it('touches nothing when the file is not the one that was judged', async () => {
    const w = world();
    await w.start({ ...request, modelFile: { ...request.modelFile, uri: 'file:///changed.onnx' } });
    expect([w.platform.log, names(w)]).toEqual([[], ['failed']]);
  });

  it('outlasts a platform that goes away for a while, at any second', async () => {
    for (let from = 0; from < 40; from += 3) {
      const w = world(undefined, ({ platform }, s) => (platform.away = s >= from && s < from + 20));
      await w.start();
      expect([from, names(w).at(-1)]).toEqual([from, 'completed']);
    }
  });

  it('says the same end again when it is asked for again, and does nothing else', async () => {
    const w = world();
    await w.start();
    const [log, end] = [w.platform.log.length, w.rollouts.published.at(-1)];
    await w.start();
    expect(w.platform.log).toHaveLength(log);
    expect(w.rollouts.published.at(-1)).toEqual(end);
    expect(w.rollouts.published.filter(({ name }) => name === 'deployment.completed')).toHaveLength(2);
  });

  it('waits for another deployment of the same model', async () => {
    const w = world();
    const [first, second] = [
      w.start(),
      w.start({ ...request, deploymentId: 'd2', revision: 'r3', previousRevision: 'r2' }),
    ];
    await first;
    expect(w.platform.log).not.toContain('load r3');
    w.platform.loadsAs = { state: 'ready' };
    w.platform.revisions.r3 = { state: 'ready' }; // the fake loads r2 only
    await second;
    expect(w.rollouts.published.at(-1)).toMatchObject({ name: 'deployment.completed', data: { deploymentId: 'd2' } });
  });
});

describe('a process that is killed', () => {
  /** Kills at the n-th call to the outside, then lets the next process finish; returns false when it was not reached. */
  async function killAt(n: number, correct: number | undefined, prepare: (p: FakePlatform) => void = () => undefined) {
    let calls = 0;
    const w = world(
      () => {
        if (++calls === n) throw new Killed();
      },
      correct === undefined ? undefined : label(correct),
    );
    prepare(w.platform);
    const killed = await w.start().then(
      () => false,
      (error: unknown) => {
        if (!(error instanceof Killed)) throw error;
        return true;
      },
    );
    if (killed || calls >= n) await w.start();
    return { w, reached: calls >= n };
  }

  const ends = (w: World) =>
    new Set(
      w.rollouts.published
        .filter(({ name }) => name !== 'deployment.progressed')
        .map(({ id, name }) => `${name} ${id}`),
    );
  const unique = (log: string[]) => log.filter((entry, i) => entry !== log[i - 1]);

  it.each<[string, number | undefined, string, string[]]>([
    ['promotion', undefined, 'deployment.completed', ['load r2', 'traffic r2 10', 'traffic r2 50', 'traffic r2 100']],
    [
      'rollback',
      10,
      'deployment.rolled-back',
      ['load r2', 'traffic r2 10', 'traffic r2 50', 'traffic r2 0', 'unload r2'],
    ],
  ])('before or after any step of a %s, is followed by one that ends it once', async (_, correct, end, log) => {
    let n = 1;
    for (; ; n++) {
      const { w, reached } = await killAt(n, correct);
      if (!reached) break;
      expect([n, [...ends(w)].map((entry) => entry.split(' ')[0])]).toEqual([n, [end]]);
      expect([n, unique(w.platform.log)]).toEqual([n, log]);
      const ids = w.rollouts.published.filter(({ name }) => name === 'deployment.progressed').map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }
    expect(n).toBeGreaterThan(60); // so many places to die there are
  });

  it('never gives traffic to a candidate that does not get ready', async () => {
    for (let n = 1; ; n++) {
      const { w, reached } = await killAt(n, undefined, (p) => (p.loadsAs = { state: 'failed', reason: 'no such op' }));
      if (!reached) break;
      expect([n, w.platform.mostTraffic, [...ends(w)].length]).toEqual([n, 0, 1]);
    }
  });
});
