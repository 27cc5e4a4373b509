import { NO_COUNTS, objection } from './canary.js';
import { advance, percentOf, splitOf, type Outcome, type Phase, type Rollout } from './rollout.js';
import type { PlatformState, RevisionStatus, TrafficSplit } from './serving-platform.js';

/** What is known of the world at one moment. */
export interface Observation {
  /** In `checking`: what is wrong with the candidate's file, or that nothing is. */
  file?: { problem: string | undefined };
  /** Undefined while the platform does not answer. */
  platform?: PlatformState;
}

/** What to do next. `advance` is a step of the state machine; the others act on the platform. */
export type Decision =
  | { do: 'wait' }
  | { do: 'load' }
  | { do: 'set-traffic'; split: TrafficSplit }
  | { do: 'unload' }
  | { do: 'advance'; to: Rollout };

type Decide = (rollout: Rollout, seen: Observation, now: number) => Decision;

const WAIT: Decision = { do: 'wait' };
const to = (rollout: Rollout): Decision => ({ do: 'advance', to: rollout });

/** The state machine of a rollout: pure, so that every path of it can be tested. */
export const decide: Decide = (rollout, seen, now) => DECISIONS[rollout.phase](rollout, seen, now);

const DECISIONS: Record<Phase, Decide> = {
  checking(rollout, { file, platform }, now) {
    const { revision, previousRevision } = rollout.request;
    const fail = (reason: string) =>
      to(advance(rollout, 'ended', now, { outcome: { name: 'deployment.failed', reason } }));
    if (file?.problem) return fail(file.problem);
    if (revision === previousRevision) return fail(`revision ${revision} serves already`);
    if (!file || !platform) return late(rollout, now) ? fail(noAnswer(rollout)) : WAIT;
    if (platform.revisions[previousRevision]?.state !== 'ready') {
      return fail(`revision ${previousRevision} is not ready: there would be nothing to go back to`);
    }
    return to(advance(rollout, 'loading', now, { traffic: platform.traffic }));
  },

  loading(rollout, { platform }, now) {
    const fail = (reason: string) =>
      to(advance(rollout, 'unloading', now, { outcome: { name: 'deployment.failed', reason } }));
    if (!platform) return late(rollout, now) ? fail(noAnswer(rollout)) : WAIT;
    const candidate = candidateOf(rollout, platform);
    if (candidate?.state === 'failed') return fail(`the candidate cannot be loaded: ${candidate.reason}`);
    if (candidate?.state === 'ready') {
      const { sha256 } = rollout.request.modelFile;
      if (candidate.sha256 && candidate.sha256 !== sha256) {
        return fail(`the platform loaded a file with SHA-256 ${candidate.sha256} in place of ${sha256}`);
      }
      return to(advance(rollout, 'shifting', now, { traffic: platform.traffic }));
    }
    if (late(rollout, now)) return fail(`not ready within ${rollout.request.rollout.timeoutSeconds} s`);
    return candidate ? WAIT : { do: 'load' };
  },

  shifting(rollout, { platform }, now) {
    if (!platform) return late(rollout, now) ? goBack(rollout, noAnswer(rollout), now) : WAIT;
    const problem = withdrawn(rollout, platform);
    if (problem) return goBack(rollout, problem, now);
    const split = splitOf(rollout);
    if (sameSplit(platform.traffic, split)) {
      return to(advance(rollout, 'analysing', now, { traffic: platform.traffic, canary: NO_COUNTS }));
    }
    if (late(rollout, now)) return goBack(rollout, `traffic could not be set to ${percentOf(rollout)} % in time`, now);
    return { do: 'set-traffic', split };
  },

  analysing(rollout, { platform }, now) {
    if (!platform) return WAIT; // it may be restarting: nothing gets worse by waiting, since nothing can be done
    const { rollout: plan, minimumAccuracy } = rollout.request;
    const problem = withdrawn(rollout, platform);
    if (problem) return goBack(rollout, problem, now);
    if (!sameSplit(platform.traffic, splitOf(rollout))) {
      return goBack(rollout, 'somebody else has changed the traffic', now);
    }
    const enough = rollout.canary.labelled >= plan.minimumLabelled;
    if (secondsIn(rollout, now) < plan.stepSeconds || (!enough && !late(rollout, now))) return WAIT;
    const bad = objection(rollout.canary, minimumAccuracy, plan.minimumLabelled);
    if (bad) return goBack(rollout, bad, now);
    if (!enough) {
      const { labelled } = rollout.canary;
      const reason = `${labelled} of ${plan.minimumLabelled} labelled rows within ${plan.timeoutSeconds} s`;
      return goBack(rollout, reason, now);
    }
    const { traffic } = platform;
    return rollout.step + 1 < plan.steps.length
      ? to(advance(rollout, 'shifting', now, { traffic, step: rollout.step + 1 }))
      : to(advance(rollout, 'ended', now, { traffic, outcome: { name: 'deployment.completed' } }));
  },

  'rolling-back'(rollout, { platform }, now) {
    if (!platform) return WAIT; // for as long as it takes: nobody may think that the candidate is gone
    const { revision, previousRevision } = rollout.request;
    if (platform.traffic[revision]) return { do: 'set-traffic', split: { [previousRevision]: 100, [revision]: 0 } };
    return to(advance(rollout, 'unloading', now, { traffic: platform.traffic }));
  },

  unloading(rollout, { platform }, now) {
    const end = (outcome: Outcome | undefined) => to(advance(rollout, 'ended', now, { outcome }));
    const gone = platform && !candidateOf(rollout, platform);
    if (gone) return end(rollout.outcome);
    if (late(rollout, now)) return end(withRemark(rollout.outcome, 'it could not be unloaded, and has no traffic'));
    return platform ? { do: 'unload' } : WAIT;
  },

  ended: () => WAIT,
};

const secondsIn = ({ since }: Rollout, now: number) => (now - since) / 1000;
const late = (rollout: Rollout, now: number) => secondsIn(rollout, now) >= rollout.request.rollout.timeoutSeconds;
const noAnswer = ({ request }: Rollout) =>
  `the serving platform did not answer for ${request.rollout.timeoutSeconds} s`;

const candidateOf = ({ request }: Rollout, platform: PlatformState): RevisionStatus | undefined =>
  platform.revisions[request.revision];

/** A candidate with traffic must stay what it was when it got it. */
function withdrawn(rollout: Rollout, platform: PlatformState): string | undefined {
  const candidate = candidateOf(rollout, platform);
  if (!candidate) return 'the candidate has been unloaded by somebody else';
  return candidate.state === 'failed' ? `the candidate broke: ${candidate.reason}` : undefined;
}

function goBack(rollout: Rollout, reason: string, now: number): Decision {
  const outcome: Outcome = { name: 'deployment.rolled-back', reason, atPercent: percentOf(rollout) };
  return to(advance(rollout, 'rolling-back', now, { outcome }));
}

const withRemark = (outcome: Outcome | undefined, remark: string): Outcome | undefined =>
  outcome && 'reason' in outcome ? { ...outcome, reason: `${outcome.reason}; ${remark}` } : outcome;

/** Revisions without traffic do not count. */
function sameSplit(a: TrafficSplit, b: TrafficSplit): boolean {
  return [...Object.keys(a), ...Object.keys(b)].every((revision) => (a[revision] ?? 0) === (b[revision] ?? 0));
}
