import { EVENT_NAMES, type EventName } from './event-map.js';
import type { StreamName } from './streams.js';

/** What one user of the bus does there. All of its rights follow from this: see permissions.ts. */
export interface Participant {
  publishes?: readonly EventName[];
  /** Durable consumers that its processes share, by name: what each takes, one event or a whole stream. */
  takes?: Readonly<Record<string, EventName | StreamName>>;
  /** Read in order by every process for itself. */
  follows?: readonly (EventName | StreamName)[];
  /** Heard as they pass, without JetStream. */
  hears?: readonly EventName[];
}

/** The five services: who says what, and who listens. A service may create the streams that it uses, and stores dead letters. */
export const SERVICES = {
  'metrics-collector': {
    publishes: ['accuracy.sample', 'aim.sample', 'aim.label', 'label.observed'],
    takes: { 'collector-labels': 'LABELS' },
    follows: ['protection.updated', 'anomaly.raised', 'anomaly.closed'],
  },
  'anomaly-detector': {
    publishes: [
      'accuracy.window',
      'anomaly.raised',
      'anomaly.closed',
      'attack.detected',
      'attack.subsided',
      'drift.detected',
      'verdict.undetermined',
    ],
    follows: ['SAMPLES', 'protection.updated'],
  },
  'defense-orchestrator': {
    publishes: [
      'protection.updated',
      'training.requested',
      'training.cancel',
      'evaluation.requested',
      'calibration.requested',
      'deployment.requested',
      'defense.changed',
      'defense.ended',
      'defense.contained',
      'defense.question',
    ],
    takes: { 'defense-orchestrator': 'EVENTS' },
  },
  trainer: {
    publishes: [
      'training.progress',
      'training.completed',
      'training.failed',
      'evaluation.completed',
      'evaluation.failed',
      'calibration.completed',
      'calibration.failed',
    ],
    takes: {
      training: 'training.requested',
      evaluation: 'evaluation.requested',
      calibration: 'calibration.requested',
    },
    follows: ['training.cancel'],
  },
  deployer: {
    publishes: ['deployment.progressed', 'deployment.completed', 'deployment.failed', 'deployment.rolled-back'],
    takes: { deployer: 'deployment.requested', 'deployer-accuracy-window': 'accuracy.window' },
  },
} as const satisfies Record<string, Participant>;

/** Whoever else takes part: with less rights, since nobody here has written them. */
export const OUTSIDERS = {
  /** Anything that has samples or labels to tell. */
  publisher: { publishes: ['accuracy.sample', 'label.observed'] },
  /** Dashboards, alerting, a SIEM: hears everything, says nothing. */
  observer: { hears: EVENT_NAMES },
  /** A trainer that is not ours. */
  'foreign-trainer': {
    publishes: ['training.progress', 'training.completed', 'training.failed'],
    takes: { training: 'training.requested' },
  },
} as const satisfies Record<string, Participant>;

/** The one service that may change streams that exist already: an upgrade of it upgrades them. */
export const KEEPER_OF_STREAMS = 'defense-orchestrator';

/** Persons, and what persons run: everything is allowed. */
export const OPERATOR = 'operator';

const PARTICIPANTS: Record<string, Participant> = { ...SERVICES, ...OUTSIDERS };

export type BusUser = keyof typeof SERVICES | keyof typeof OUTSIDERS | typeof OPERATOR;
export const BUS_USERS = [...Object.keys(PARTICIPANTS), OPERATOR] as BusUser[];

export const participants = (): [string, Participant][] => Object.entries(PARTICIPANTS);

/** Names of those who publish, and of those who listen to, one event. */
export function partiesOf(name: EventName, stream: StreamName): { publishers: string[]; consumers: string[] } {
  const listens = ({ takes = {}, follows = [] }: Participant) =>
    [...Object.values(takes), ...follows].some((what) => what === name || what === stream);
  const named = (fits: (one: Participant) => boolean) =>
    participants()
      .filter(([, one]) => fits(one))
      .map(([user]) => user);
  return { publishers: named(({ publishes = [] }) => publishes.includes(name)), consumers: named(listens) };
}
