import type { DeploymentRequested } from '#contracts';
import { NO_COUNTS, type CanaryCounts } from './canary.js';
import type { TrafficSplit } from './serving-platform.js';

/**
 * What holds in each phase. A phase is stored before anything is done in it, and everything done in it may be repeated, so a
 * process that dies anywhere is followed by one that goes on.
 */
export const PHASES = {
  /** The platform has not been touched. */
  checking: ['loading', 'ended'],
  /** The candidate is being loaded. It has no traffic. */
  loading: ['shifting', 'unloading'],
  /** The candidate is ready, and gets the traffic of the step; nobody knows whether it has it already. */
  shifting: ['analysing', 'rolling-back'],
  /** The candidate has the traffic of the step, and is watched. */
  analysing: ['shifting', 'rolling-back', 'ended'],
  /** The candidate is unwanted and may have traffic. It is loaded still: it must not be unloaded before it has none. */
  'rolling-back': ['unloading'],
  /** The candidate is unwanted and has no traffic. */
  unloading: ['ended'],
  /** `outcome` says how. */
  ended: [],
} as const satisfies Record<string, readonly string[]>;

export type Phase = keyof typeof PHASES;

export type Outcome =
  | { name: 'deployment.completed' }
  | { name: 'deployment.failed'; reason: string }
  | { name: 'deployment.rolled-back'; reason: string; atPercent: number };

/** One deployment, from its request to its end: all that is stored. */
export interface Rollout {
  request: DeploymentRequested;
  correlationId?: string;
  phase: Phase;
  /** Counts the phases so far; part of the event ids. */
  version: number;
  /** When this phase began, ms since the epoch. */
  since: number;
  /** Index into the steps of the request. */
  step: number;
  /** As last seen on the platform. */
  traffic: TrafficSplit;
  /** In `analysing`: since the step began. Afterwards: what the last step has shown. */
  canary: CanaryCounts;
  /** Set as soon as it is decided, so also in `rolling-back` and `unloading`. */
  outcome?: Outcome;
}

export const openRollout = (request: DeploymentRequested, correlationId: string | undefined, now: number): Rollout => ({
  request,
  correlationId,
  phase: 'checking',
  version: 0,
  since: now,
  step: 0,
  traffic: {},
  canary: NO_COUNTS,
});

/** Percent of the traffic that the candidate gets in this step. */
export const percentOf = ({ request, step }: Rollout): number => request.rollout.steps[step]!;

export function splitOf(rollout: Rollout): TrafficSplit {
  const { revision, previousRevision } = rollout.request;
  const percent = percentOf(rollout);
  return { [previousRevision]: 100 - percent, [revision]: percent };
}

export function advance(rollout: Rollout, phase: Phase, now: number, change: Partial<Rollout> = {}): Rollout {
  if (!(PHASES[rollout.phase] as readonly Phase[]).includes(phase)) {
    throw new Error(`a rollout does not go from ${rollout.phase} to ${phase}`);
  }
  return { ...rollout, ...change, phase, version: rollout.version + 1, since: now };
}

/** Labels that came in for a revision of the model; undefined when they say nothing about this step. */
export function withLabels(rollout: Rollout, revision: string, counts: CanaryCounts): Rollout | undefined {
  if (rollout.phase !== 'analysing' || revision !== rollout.request.revision || counts.labelled === 0) return undefined;
  const { labelled, correct } = rollout.canary;
  return { ...rollout, canary: { labelled: labelled + counts.labelled, correct: correct + counts.correct } };
}
