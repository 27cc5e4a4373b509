import type { EventName } from '#contracts';
import type { Stored } from './bus.js';

/** Everything that may be killed: each service, and both servers. The trainer is the last, see `heldBy`. */
export const VICTIMS = [
  'nats',
  'metrics-collector',
  'redis',
  'anomaly-detector',
  'defense-orchestrator',
  'deployer',
  'trainer',
] as const;
export type Victim = (typeof VICTIMS)[number];

/** An event, heard as it passes or read from the bus. */
type Told = Pick<Stored, 'name' | 'data'>;

export interface Stage {
  name: string;
  /** What happens first in it; it lasts until the next stage begins. */
  begins?: (told: Told) => boolean;
  /** States of the defense that it may be in meanwhile. */
  states: string[];
  /**
   * What stands still, so that the stage lasts until its last victim has been killed. Either the clients pause: the verdict, the canary and
   * live accuracy need requests. Or the trainer's process is frozen, as on a machine that is out of CPU: what it is doing does not end.
   */
  heldBy?: 'clients' | 'trainer';
}

const is = <N extends EventName>(told: Told, name: N): told is Stored<N> => told.name === name;
const enters = (state: string) => (told: Told) => is(told, 'defense.changed') && told.data.state === state;

const NO_DEFENSE = 'no defense';

/** A defense from before it to after it. */
export const STAGES: Stage[] = [
  { name: 'clean traffic', states: [NO_DEFENSE] },
  { name: 'alarm', begins: ({ name }) => name === 'anomaly.raised', states: [NO_DEFENSE], heldBy: 'clients' },
  {
    name: 'verdict',
    begins: ({ name }) => name === 'attack.detected',
    states: [NO_DEFENSE, 'detected', 'training'],
    heldBy: 'trainer',
  },
  {
    name: 'training',
    // The second epoch: there is a checkpoint to go on from.
    begins: (told) => is(told, 'training.progress') && told.data.epoch > 1,
    states: ['training'],
    heldBy: 'trainer',
  },
  { name: 'evaluating', begins: enters('evaluating'), states: ['evaluating'], heldBy: 'trainer' },
  {
    name: 'calibrating',
    begins: ({ name }) => name === 'evaluation.completed',
    states: ['evaluating'],
    heldBy: 'trainer',
  },
  {
    name: 'rolling out',
    begins: (told) => is(told, 'deployment.progressed') && told.data.phase === 'analysing',
    states: ['rolling-out'],
    heldBy: 'clients',
  },
  { name: 'verifying', begins: enters('verifying'), states: ['verifying'], heldBy: 'clients' },
  { name: 'after the end', begins: ({ name }) => name === 'defense.ended', states: ['recovered'] },
];

export const DEFENSES = 3;

/** Over all defenses every victim is killed once at each stage: two or three of them in each defense, in the order of the list. */
export function victimsOf(stage: Stage, defense: number): Victim[] {
  const shift = STAGES.indexOf(stage);
  return VICTIMS.filter((_, i) => (i + shift) % DEFENSES === defense);
}

export interface Kill {
  stage: Stage;
  victim: Victim;
  /** When the process was gone: milliseconds since 1970. */
  at: number;
}

/** In which stage the defense was at a time, and in which state, by what the bus had taken until then. */
function whereAt(time: number, events: readonly Stored[]): { stage: Stage; state: string } {
  const before = events.filter(({ at }) => at <= time);
  const begun = STAGES.filter(({ begins }) => !begins || before.some(begins));
  const states = before.flatMap((told) => (is(told, 'defense.changed') ? [told.data.state] : []));
  return { stage: begun.at(-1)!, state: states.at(-1) ?? NO_DEFENSE };
}

/** Each kill in words, and those apart that did not fall into their stage. */
export function toldOf(kills: readonly Kill[], events: readonly Stored[]): { all: string[]; strayed: string[] } {
  const told = kills.map(({ stage, victim, at }) => {
    const then = whereAt(at, events);
    const text = `${stage.name.padEnd(14)} ${victim.padEnd(21)} ${then.stage.name}, ${then.state}`;
    return { text, strayed: then.stage !== stage || !stage.states.includes(then.state) };
  });
  return {
    all: told.map(({ text }) => text),
    strayed: told.filter(({ strayed }) => strayed).map(({ text }) => text),
  };
}
