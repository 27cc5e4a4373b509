import { EVENTS, EVENT_NAMES, type EventData, type EventName } from './event-map.js';
import { Type, type TSchema } from './schema.js';
import { InvalidInputError, parser } from './validation.js';

/** CloudEvents 1.0, JSON, structured mode. `id` within `source` is the duplicate key and the JetStream message id. */
export interface CloudEvent<N extends EventName = EventName> {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  time: string;
  subject: string;
  datacontenttype: 'application/json';
  /** Ties together all events of one anomaly and its defense. */
  correlationid?: string;
  data: EventData<N>;
}

export const eventType = (name: EventName) => `dev.antibody.${name}.v1`;

export const CloudEventEnvelope = <T extends TSchema>(name: EventName, data: T) =>
  Type.Object({
    specversion: Type.Literal('1.0'),
    id: Type.String({ minLength: 1, maxLength: 256 }),
    source: Type.String({ minLength: 1 }),
    type: Type.Literal(eventType(name)),
    time: Type.String(),
    subject: Type.Optional(Type.String({ description: '<namespace>/<model>' })),
    datacontenttype: Type.Optional(Type.Literal('application/json')),
    correlationid: Type.Optional(Type.String()),
    data,
  });

export interface EventOrigin {
  id: string;
  source: string;
  time: string;
  namespace: string;
  model: string;
  correlationid?: string;
}

const dataParsers = new Map<EventName, (data: unknown) => unknown>();

function parseData<N extends EventName>(name: N, data: unknown): EventData<N> {
  let parse = dataParsers.get(name);
  if (!parse) dataParsers.set(name, (parse = parser(name, EVENTS[name].schema)));
  return parse(data) as EventData<N>;
}

/** Builds an event and checks its data, so that nothing invalid ever leaves a service. */
export function cloudEvent<N extends EventName>(name: N, origin: EventOrigin, data: EventData<N>): CloudEvent<N> {
  const { namespace, model, ...attributes } = origin;
  return {
    specversion: '1.0',
    type: eventType(name),
    subject: `${namespace}/${model}`,
    datacontenttype: 'application/json',
    ...attributes,
    data: parseData(name, data),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads an event of a known name. Throws InvalidInputError naming the field. */
export function parseEvent<N extends EventName>(name: N, input: unknown): CloudEvent<N> {
  if (!isObject(input)) throw new InvalidInputError(name, '', 'must be a JSON object (a CloudEvent)');
  if (input.specversion !== '1.0') throw new InvalidInputError(name, 'specversion', 'must be "1.0"');
  if (input.type !== eventType(name)) throw new InvalidInputError(name, 'type', `must be "${eventType(name)}"`);
  for (const key of ['id', 'source', 'time'] as const) {
    if (typeof input[key] !== 'string' || !input[key])
      throw new InvalidInputError(name, key, 'must be a non-empty string');
  }
  return { ...input, data: parseData(name, input.data) } as unknown as CloudEvent<N>;
}

const BY_TYPE = new Map(EVENT_NAMES.map((name) => [eventType(name), name]));

export const eventNameOf = (type: string): EventName | undefined => BY_TYPE.get(type);
