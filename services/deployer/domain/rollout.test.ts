import { describe, expect, it } from '@jest/globals';
import { request } from '../testing/fake-world.js';
import { announcement } from './announce.js';
import { accuracyOf, objection } from './canary.js';
import { decide, type Decision, type Observation } from './decide.js';
import { advance, openRollout, PHASES, withLabels, type Phase, type Rollout } from './rollout.js';
import type { PlatformState } from './serving-platform.js';

const T0 = Date.parse('2026-11-25T00:00:00Z');
const seconds = (s: number) => T0 + s * 1000;
const ready = { state: 'ready' } as const;
const platform = (over: Partial<PlatformState> = {}): PlatformState => ({
  revisions: { r1: ready, r2: ready },
  traffic: { r1: 100 },
  ...over,
});
const at = (phase: Phase, over: Partial<Rollout> = {}): Rollout => ({
  ...openRollout(request, 'a1', T0),
  phase,
  ...over,
});
const next = (rollout: Rollout, seen: Observation, s = 0): Decision => decide(rollout, seen, seconds(s));
const advanced = (decision: Decision): Rollout => {
  if (decision.do !== 'advance') throw new Error(`decided to ${decision.do}`);
  return decision.to;
};
const good = { file: { problem: undefined } };
const away: Observation = { platform: undefined };

describe('checking', () => {
  const rollout = at('checking');

  it('goes on to loading when file and platform are fine', () => {
    const alone = platform({ revisions: { r1: ready } });
    expect(advanced(next(rollout, { ...good, platform: alone }))).toMatchObject({
      phase: 'loading',
      version: 1,
      traffic: { r1: 100 },
    });
  });

  it.each<[RegExp, Rollout, Observation]>([
    [/SHA-256/, rollout, { file: { problem: 'it has SHA-256 bbb' }, platform: platform() }],
    [/r1 is not ready/, rollout, { ...good, platform: platform({ revisions: {} }) }],
    [
      /r1 is not ready/,
      rollout,
      { ...good, platform: platform({ revisions: { r1: { state: 'failed', reason: 'x' } } }) },
    ],
    [/serves already/, { ...rollout, request: { ...request, revision: 'r1' } }, { ...good, platform: platform() }],
  ])('fails with %s before anything is touched', (reason, from, seen) => {
    const { phase, outcome } = advanced(next(from, seen));
    expect([phase, outcome?.name]).toEqual(['ended', 'deployment.failed']);
    expect(outcome && 'reason' in outcome && outcome.reason).toMatch(reason);
  });

  it('waits for a platform that does not answer, but not for ever', () => {
    expect(next(rollout, { ...good, ...away }, 59).do).toBe('wait');
    expect(advanced(next(rollout, { ...good, ...away }, 60)).outcome).toMatchObject({ name: 'deployment.failed' });
  });
});

describe('loading', () => {
  const rollout = at('loading');
  const candidate = (r2?: PlatformState['revisions'][string]) => ({
    platform: platform({ revisions: { r1: ready, ...(r2 && { r2 }) } }),
  });

  it('loads what is not there, without a word about traffic, and waits', () => {
    expect(next(rollout, candidate())).toEqual({ do: 'load' });
    expect(next(rollout, candidate({ state: 'loading' })).do).toBe('wait');
    expect(next(rollout, away).do).toBe('wait');
  });

  it('goes on when the candidate is ready, from the right file where the platform tells', () => {
    expect(advanced(next(rollout, candidate(ready))).phase).toBe('shifting');
    expect(advanced(next(rollout, candidate({ state: 'ready', sha256: 'a'.repeat(64) }))).phase).toBe('shifting');
  });

  it.each<[string, Observation, number]>([
    ['the candidate cannot be loaded', candidate({ state: 'failed', reason: 'bad graph' }), 0],
    ['another file was loaded', candidate({ state: 'ready', sha256: 'b'.repeat(64) }), 0],
    ['it is not ready in time', candidate({ state: 'loading' }), 60],
    ['it never appears', candidate(), 60],
    ['the platform is gone', away, 60],
  ])('fails without any traffic when %s', (_, seen, s) => {
    expect(advanced(next(rollout, seen, s))).toMatchObject({
      phase: 'unloading',
      outcome: { name: 'deployment.failed' },
    });
  });
});

describe('shifting', () => {
  const rollout = at('shifting', { step: 1 });

  it('sets the split of the step, and goes on when it is seen', () => {
    expect(next(rollout, { platform: platform() })).toEqual({ do: 'set-traffic', split: { r1: 50, r2: 50 } });
    const there = { platform: platform({ traffic: { r1: 50, r2: 50, r0: 0 } }) };
    expect(advanced(next(rollout, there))).toMatchObject({ phase: 'analysing', canary: { labelled: 0 } });
  });

  it.each<[RegExp, Observation, number]>([
    [
      /broke: out of memory/,
      { platform: platform({ revisions: { r1: ready, r2: { state: 'failed', reason: 'out of memory' } } }) },
      0,
    ],
    [/unloaded by somebody/, { platform: platform({ revisions: { r1: ready } }) }, 0],
    [/could not be set/, { platform: platform() }, 60],
    [/did not answer/, away, 60],
  ])('rolls back with %s, since the traffic may have been given', (reason, seen, s) => {
    const { phase, outcome } = advanced(next(rollout, seen, s));
    expect([phase, outcome?.name, outcome && 'atPercent' in outcome && outcome.atPercent]).toEqual([
      'rolling-back',
      'deployment.rolled-back',
      50,
    ]);
    expect(outcome && 'reason' in outcome && outcome.reason).toMatch(reason);
  });

  it('waits for the platform meanwhile', () => expect(next(rollout, away, 59).do).toBe('wait'));
});

describe('analysing', () => {
  const seen = { platform: platform({ traffic: { r1: 90, r2: 10 } }) };
  const watch = (canary: Rollout['canary'], minimumLabelled: number, step = 0) =>
    at('analysing', { canary, step, request: { ...request, rollout: { ...request.rollout, minimumLabelled } } });
  const phases = (rollout: Rollout, observation: Observation, times: number[]) =>
    times.map((s) => {
      const decision = next(rollout, observation, s);
      return decision.do === 'advance' ? decision.to.phase : decision.do;
    });

  it('stays for the time of the step, then takes the next one', () => {
    expect(phases(watch({ labelled: 0, correct: 0 }, 0), seen, [0, 9.9, 10])).toEqual(['wait', 'wait', 'shifting']);
    expect(advanced(next(watch({ labelled: 0, correct: 0 }, 0), seen, 10)).step).toBe(1);
  });

  it('waits for the labels that the policy asks for', () => {
    expect(phases(watch({ labelled: 29, correct: 29 }, 30), seen, [10, 59])).toEqual(['wait', 'wait']);
    expect(phases(watch({ labelled: 30, correct: 30 }, 30), seen, [9, 10])).toEqual(['wait', 'shifting']);
  });

  it('rolls back when labels that were asked for never come; goes on when none were asked for', () => {
    const { phase, outcome } = advanced(next(watch({ labelled: 29, correct: 29 }, 30), seen, 60));
    expect([phase, outcome && 'reason' in outcome && outcome.reason]).toEqual([
      'rolling-back',
      '29 of 30 labelled rows within 60 s',
    ]);
    expect(phases(watch({ labelled: 0, correct: 0 }, 0), seen, [60])).toEqual(['shifting']);
  });

  it('rolls back when even the upper end of the accuracy is too low, with the numbers', () => {
    const { outcome } = advanced(next(watch({ labelled: 100, correct: 70 }, 30), seen, 10));
    // Wilson's interval for 70 of 100 is [.604, .781] (R: prop.test without continuity correction).
    expect(outcome).toEqual({
      name: 'deployment.rolled-back',
      atPercent: 10,
      reason: 'accuracy 70.0 % (at most 78.1 %) of 100 labelled rows is below 80.0 %',
    });
    expect(phases(watch({ labelled: 100, correct: 73 }, 30), seen, [10])).toEqual(['shifting']); // at most 80.7 %
  });

  it('does not let a handful of labels decide when none were asked for', () => {
    expect(phases(watch({ labelled: 3, correct: 0 }, 0), seen, [10])).toEqual(['shifting']);
    expect(phases(watch({ labelled: 10, correct: 2 }, 0), seen, [10])).toEqual(['rolling-back']);
  });

  it('is judged at 100 % too, and then it is done', () => {
    const all = { platform: platform({ traffic: { r2: 100 } }) };
    expect(advanced(next(watch({ labelled: 50, correct: 50 }, 30, 2), all, 10))).toMatchObject({
      phase: 'ended',
      outcome: { name: 'deployment.completed' },
      traffic: { r2: 100 },
    });
    expect(phases(watch({ labelled: 50, correct: 10 }, 30, 2), all, [10])).toEqual(['rolling-back']);
  });

  it('rolls back when the candidate breaks or the traffic is changed by somebody else', () => {
    const rollout = watch({ labelled: 0, correct: 0 }, 0);
    expect(phases(rollout, { platform: platform({ traffic: { r1: 100 } }) }, [0])).toEqual(['rolling-back']);
    const broken = platform({
      traffic: { r1: 90, r2: 10 },
      revisions: { r1: ready, r2: { state: 'failed', reason: 'x' } },
    });
    expect(phases(rollout, { platform: broken }, [0])).toEqual(['rolling-back']);
  });

  it('waits while the platform is away', () => {
    expect(phases(watch({ labelled: 0, correct: 0 }, 0), away, [10, 1000])).toEqual(['wait', 'wait']);
  });
});

describe('going back', () => {
  const outcome = { name: 'deployment.rolled-back', reason: 'worse', atPercent: 10 } as const;

  it('takes the traffic away first, for as long as it takes', () => {
    const rollout = at('rolling-back', { outcome });
    const still = { platform: platform({ traffic: { r1: 90, r2: 10 } }) };
    expect(next(rollout, still, 10_000)).toEqual({ do: 'set-traffic', split: { r1: 100, r2: 0 } });
    expect(next(rollout, away, 10_000).do).toBe('wait');
    expect(advanced(next(rollout, { platform: platform() }))).toMatchObject({ phase: 'unloading', outcome });
  });

  it('unloads then, and ends when the candidate is gone', () => {
    const rollout = at('unloading', { outcome });
    expect(next(rollout, { platform: platform() })).toEqual({ do: 'unload' });
    expect(next(rollout, away).do).toBe('wait');
    expect(advanced(next(rollout, { platform: platform({ revisions: { r1: ready } }) }))).toMatchObject({
      phase: 'ended',
      outcome,
    });
  });

  it('ends also when it cannot be unloaded, and says so', () => {
    const ended = advanced(next(at('unloading', { outcome }), away, 60));
    expect(ended.outcome).toMatchObject({
      name: 'deployment.rolled-back',
      reason: expect.stringMatching(/^worse; .*unloaded/) as unknown,
    });
  });

  it('is final', () => expect(next(at('ended', { outcome }), { platform: platform() }, 10_000).do).toBe('wait'));
});

describe('phases', () => {
  it('all lead to the end, and nowhere else than the table says', () => {
    const reach = (phase: Phase): Phase[] =>
      PHASES[phase].flatMap((after) => (after === 'shifting' && phase === 'analysing' ? [] : [after, ...reach(after)]));
    for (const phase of Object.keys(PHASES) as Phase[]) if (phase !== 'ended') expect(reach(phase)).toContain('ended');
    expect(() => advance(at('loading'), 'ended', T0)).toThrow(/loading to ended/);
    expect(() => advance(at('rolling-back'), 'shifting', T0)).toThrow();
  });
});

describe('labels', () => {
  it('count for the candidate while it is watched', () => {
    const rollout = at('analysing', { canary: { labelled: 3, correct: 2 } });
    expect(withLabels(rollout, 'r2', { labelled: 5, correct: 5 })?.canary).toEqual({ labelled: 8, correct: 7 });
    expect(withLabels(rollout, 'r1', { labelled: 5, correct: 5 })).toBeUndefined();
    expect(withLabels(at('shifting'), 'r2', { labelled: 5, correct: 5 })).toBeUndefined();
  });

  it('give a Wilson interval', () => {
    expect(accuracyOf({ labelled: 0, correct: 0 })).toBeNull();
    const { low, high } = accuracyOf({ labelled: 10, correct: 10 })!;
    expect([low, high]).toEqual([expect.closeTo(0.7225, 4), 1]);
    expect(objection({ labelled: 10, correct: 10 }, 1, 1)).toBeUndefined();
  });
});

describe('announcements', () => {
  it('are the same event every time, in the words of the contract', () => {
    const rollout = at('analysing', { version: 4, traffic: { r1: 90, r2: 10 } });
    expect(announcement(rollout)).toEqual(announcement(rollout));
    expect(announcement(rollout)).toMatchObject({
      id: 'd1.4',
      source: 'deployer',
      correlationid: 'a1',
      time: '2026-11-25T00:00:00.000Z',
      data: { phase: 'analysing', percent: 10, revision: 'r2', canary: null },
    });
    expect(announcement(at('shifting', { step: 2 }))?.data).toMatchObject({ phase: 'promoting', percent: 100 });
    expect(announcement(at('loading'))?.data).toMatchObject({ phase: 'loading', percent: 0 });
    expect(announcement(at('unloading'))).toBeUndefined();
  });

  it('carry the numbers of a rollback', () => {
    const outcome = { name: 'deployment.rolled-back', reason: 'worse', atPercent: 50 } as const;
    const event = announcement(at('ended', { outcome, canary: { labelled: 100, correct: 70 } }));
    expect(event?.type).toBe('dev.antibody.deployment.rolled-back.v1');
    expect(event?.data).toMatchObject({ atPercent: 50, reason: 'worse', canary: { value: 0.7, n: 100 } });
  });
});
