import { EVENTS, type EventName } from './event-map.js';

export interface ModelName {
  namespace: string;
  model: string;
}

/** `attack.detected.ml.fraud` */
export const subjectFor = (name: EventName, { namespace, model }: ModelName) => `${name}.${namespace}.${model}`;

/** All models of one event: `attack.detected.>` */
export const subjectsOf = (name: EventName) => `${name}.>`;

/** Where an event goes: its own subject first, then the bare copy where there is one. */
export const subjectsFor = (name: EventName, model: ModelName): string[] =>
  EVENTS[name].bareCopy ? [subjectFor(name, model), name] : [subjectFor(name, model)];
