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

/** What happens first in each stage of a defense, in their order. */
const BEGINS: Record<string, (seen: Seen) => boolean> = {
  alarm: ({ name }) => name === 'anomaly.raised',
  verdict: ({ name }) => name === 'attack.detected',
  training: ({ name }) => name === 'training.progress',
  evaluating: (seen) => reached(seen, 'evaluating'),
  calibrating: ({ name }) => name === 'evaluation.completed',
  'rolling out': (seen) => is(seen, 'deployment.progressed') && seen.event.data.phase === 'analysing',
  verifying: (seen) => reached(seen, 'verifying'),
};
export const STAGES = ['clean', ...Object.keys(BEGINS)];

const is = <N extends EventName>(seen: Seen, name: N): seen is Seen<N> => seen.name === name;
const reached = (seen: Seen, state: string) => is(seen, 'defense.changed') && seen.event.data.state === state;

const PATIENCE_MS = 180_000;

/** Resolves when the stage has begun. */
export async function begins(stage: string, { watch }: Run): Promise<void> {
  const first = BEGINS[stage];
  if (!first) return;
  if (!(await watch.first([...EVENT_NAMES], first, PATIENCE_MS)))
    throw new Error(`the stage "${stage}" did not begin within ${PATIENCE_MS / 1000} s`);
}
