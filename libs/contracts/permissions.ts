import { EVENTS, type EventName } from './event-map.js';
import { KEEPER_OF_STREAMS, OPERATOR, participants, SERVICES, type BusUser, type Participant } from './participants.js';
import { DEAD_LETTERS, STREAMS, type StreamName } from './streams.js';
import { subjectsOf } from './subjects.js';

/** NATS permissions of one user: subjects. What is denied goes before what is allowed. */
export interface Permissions {
  publish: { allow: string[]; deny: string[] };
  subscribe: { allow: string[] };
}

const API = '$JS.API';

/** Strangers' events, and those with a bare copy, come on the bare subject too. */
const saidOn = (name: EventName): string[] =>
  EVENTS[name].bareCopy || EVENTS[name].openIntake ? [name, subjectsOf(name)] : [subjectsOf(name)];

const isStream = (what: EventName | StreamName): what is StreamName => STREAMS.some(({ name }) => name === what);
const streamOf = (what: EventName | StreamName): StreamName => (isStream(what) ? what : EVENTS[what].stream);
/** The filter is part of the subject that creates a consumer, so it can be held to: `.training.requested.>`, or nothing for a whole stream. */
const filterOf = (what: EventName | StreamName): string => (isStream(what) ? '' : `.${subjectsOf(what)}`);

/** Streams that it writes to or reads from. */
export function streamsOf({ publishes = [], takes = {}, follows = [] }: Participant): StreamName[] {
  const used = new Set([...publishes, ...Object.values(takes), ...follows].map(streamOf));
  return STREAMS.map(({ name }) => name).filter((name) => used.has(name));
}

const isService = (user: string) => user in SERVICES;

/** Streams that a service keeps ready: all of them, where nobody knows what it does. */
export const streamsOfService = (service: string): StreamName[] =>
  isService(service) ? streamsOf(SERVICES[service as keyof typeof SERVICES]) : STREAMS.map(({ name }) => name);

/** Every durable consumer, with its stream. */
const durables = (): { durable: string; stream: StreamName }[] =>
  participants().flatMap(([, { takes = {} }]) =>
    Object.entries(takes).map(([durable, what]) => ({ durable, stream: streamOf(what) })),
  );

/** A consumer that its processes share: they make it as it has to be, take from it, and acknowledge. */
const taking = (durable: string, what: EventName | StreamName): string[] => {
  const consumer = `${streamOf(what)}.${durable}`;
  return [
    `${API}.CONSUMER.CREATE.${consumer}${filterOf(what)}`,
    `${API}.CONSUMER.INFO.${consumer}`,
    `${API}.CONSUMER.MSG.NEXT.${consumer}`,
    `$JS.ACK.${consumer}.>`,
  ];
};

/** Consumers of the moment have random names. */
const following = (what: EventName | StreamName): string[] => {
  const stream = streamOf(what);
  return [
    `${API}.CONSUMER.CREATE.${stream}.*${filterOf(what)}`,
    ...['INFO', 'MSG.NEXT', 'DELETE'].map((action) => `${API}.CONSUMER.${action}.${stream}.*`),
  ];
};

/** ... so the durable ones of others have to be taken out: whoever follows a stream must not take from, change or delete them. */
const sparing = (stream: StreamName, own: Participant['takes'] = {}): string[] =>
  durables()
    .filter((one) => one.stream === stream && !(one.durable in own))
    .flatMap(({ durable }) => [
      ...['CREATE', 'MSG.NEXT', 'DELETE'].map((action) => `${API}.CONSUMER.${action}.${stream}.${durable}`),
      `${API}.CONSUMER.CREATE.${stream}.${durable}.>`,
    ]);

const streamRights = (user: string, one: Participant): string[] => {
  const rights = (actions: string[], names: string[]) =>
    names.flatMap((name) => actions.map((action) => `${API}.STREAM.${action}.${name}`));
  const all = [...STREAMS.map(({ name }) => name), DEAD_LETTERS.stream];
  if (user === KEEPER_OF_STREAMS) return rights(['INFO', 'CREATE', 'UPDATE'], all);
  if (isService(user)) return rights(['INFO', 'CREATE'], [...streamsOf(one), DEAD_LETTERS.stream]);
  return rights(['INFO'], Object.values(one.takes ?? {}).map(streamOf));
};

/** What it took or followed and could not use. */
const deadLetters = ({ takes = {}, follows = [] }: Participant): string[] =>
  [...Object.values(takes), ...follows.filter(isStream)]
    .flatMap((what) => (isStream(what) ? STREAMS.find(({ name }) => name === what)!.subjects : [subjectsOf(what)]))
    .map((subject) => `${DEAD_LETTERS.prefix}.${subject}`);

const once = (subjects: string[]) => [...new Set(subjects)];

/** Answers to a user's requests, and the messages that it takes, come under a prefix that nobody else may read. */
export const inboxPrefix = (user: string): string => `_INBOX.${user}`;

function permissionsFor(user: string, one: Participant): Permissions {
  const { publishes = [], takes = {}, follows = [], hears = [] } = one;
  const consumers = [
    ...Object.entries(takes).flatMap(([durable, what]) => taking(durable, what)),
    ...follows.flatMap(following),
  ];
  const allow = [
    ...publishes.flatMap(saidOn),
    ...(isService(user) ? deadLetters(one) : []),
    ...(consumers.length > 0 ? [`${API}.INFO`] : []),
    ...streamRights(user, one),
    ...consumers,
  ];
  const followed = new Set(follows.map(streamOf));
  const isSilent = allow.length === 0;
  return {
    publish: { allow: once(allow), deny: isSilent ? ['>'] : [...followed].flatMap((stream) => sparing(stream, takes)) },
    subscribe: {
      allow: [...(isSilent ? [] : [`${inboxPrefix(user)}.>`]), ...hears.flatMap((name) => [name, subjectsOf(name)])],
    },
  };
}

/** What each user may do; null where everything is allowed. */
export const permissions = (): Record<BusUser, Permissions | null> =>
  Object.fromEntries([
    ...participants().map(([user, one]) => [user, permissionsFor(user, one)] as const),
    [OPERATOR, null],
  ]) as Record<BusUser, Permissions | null>;
