import { createHash } from 'node:crypto';

const MAX_ID = 256;
const PLAIN = /^[\x21-\x7e]{1,128}$/;
const digest = (id: string) => `sha256:${createHash('sha256').update(id).digest('hex')}`;

/** A request id that fits the contracts: clients choose these, and an overlong one must not keep its request from being examined. */
export const boundedId = (id: string): string => (id.length > MAX_ID ? digest(id) : id);

/** Id of the event that is caused by one row of one request, fit for a message header: the same at every repetition. */
export const rowEventId = (kind: string, namespace: string, model: string, id: string, row: number): string =>
  `${kind}:${namespace}/${model}/${PLAIN.test(id) ? id : digest(id)}/${row}`;
