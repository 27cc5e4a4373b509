import { EVENT_NAMES, type EventName } from '#contracts';
import type { Run, Seen } from '#testbed';

/** Everything that may be killed: each service, and both servers. */
export const VICTIMS = [
  'metrics-collector',
  'anomaly-detector',
  'defense-orchestrator',
  'trainer',
  'deployer',
  'nats',
  'redis',
] as const;
export type Victim = (typeof VICTIMS)[number];

export interface Stage {
  name: string;
  /** What happens first in it; a stage without it has begun when the stage before it is over. */
  begins?: (seen: Seen) => boolean;
  /** Who is killed first, one in each defense: the stage may be over before the second victim's turn. */
  first: [Victim, Victim, Victim, Victim];
}

const is = <N extends EventName>(seen: Seen, name: N): seen is Seen<N> => seen.name === name;
const enters = (state: string) => (seen: Seen) => is(seen, 'defense.changed') && seen.event.data.state === state;

/** A defense from before it to after it. */
export const STAGES: Stage[] = [
  { name: 'clean traffic', first: ['metrics-collector', 'nats', 'anomaly-detector', 'redis'] },
  {
    name: 'alarm',
    begins: ({ name }) => name === 'anomaly.raised',
    first: ['anomaly-detector', 'redis', 'metrics-collector', 'nats'],
  },
  {
    name: 'verdict',
    begins: ({ name }) => name === 'attack.detected',
    first: ['nats', 'defense-orchestrator', 'redis', 'anomaly-detector'],
  },
  {
    name: 'training',
    // The second epoch: there is a checkpoint to go on from.
    begins: (seen) => is(seen, 'training.progress') && seen.event.data.epoch > 1,
    first: ['trainer', 'nats', 'defense-orchestrator', 'redis'],
  },
  { name: 'evaluating', begins: enters('evaluating'), first: ['redis', 'trainer', 'nats', 'defense-orchestrator'] },
  {
    name: 'calibrating',
    begins: ({ name }) => name === 'evaluation.completed',
    first: ['defense-orchestrator', 'redis', 'trainer', 'nats'],
  },
  {
    name: 'rolling out',
    begins: (seen) => is(seen, 'deployment.progressed') && seen.event.data.phase === 'analysing',
    first: ['nats', 'deployer', 'redis', 'defense-orchestrator'],
  },
  {
    name: 'verifying',
    begins: enters('verifying'),
    first: ['redis', 'anomaly-detector', 'defense-orchestrator', 'nats'],
  },
  {
    name: 'after the end',
    begins: ({ name }) => name === 'defense.ended',
    first: ['defense-orchestrator', 'trainer', 'deployer', 'redis'],
  },
];

export const DEFENSES = 4;

/** Over all defenses every victim is killed once at each stage: one or two of them in each defense. */
export function victimsOf(stage: Stage, defense: number): Victim[] {
  const shift = STAGES.indexOf(stage); // so that the second ones are not always the same
  const second = VICTIMS.filter((victim) => !stage.first.includes(victim));
  return [stage.first[defense]!, ...second.filter((_, i) => (i + shift) % DEFENSES === defense)];
}

const PATIENCE_MS = 240_000;

/** Resolves when the stage has begun. */
export async function untilBegun({ name, begins }: Stage, { watch }: Run): Promise<void> {
  if (begins && !(await watch.first([...EVENT_NAMES], begins, PATIENCE_MS)))
    throw new Error(`the stage "${name}" did not begin within ${PATIENCE_MS / 1000} s`);
}
