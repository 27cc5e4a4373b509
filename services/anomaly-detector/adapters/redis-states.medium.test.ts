import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisOutbox, type JetStreamPublisher } from '#service-kit';
import { startRedis, type ThrowAwayServer } from '#testbed';
import { START } from '../domain/position.js';
import { emptyModel, type RevisionState } from '../domain/state.js';
import { NotTheWriterError, RedisStates } from './redis-states.js';

jest.setTimeout(60_000);
let server: ThrowAwayServer;
let redis: Redis;
const open: RedisOutbox[] = [];
beforeEach(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((outbox) => outbox.onApplicationShutdown()));
  redis.disconnect();
  await server.stop();
});

function replica(name: string): RedisStates {
  const outbox = new RedisOutbox({ redis, publisher: {} as JetStreamPublisher, key: 'detector:outbox' }); // never begins to publish
  open.push(outbox);
  return new RedisStates(redis, outbox, name);
}
const to = (sequence: number) => ({ sequence, time: '2026-01-01T00:00:00.000Z' });
const commit = (states: RedisStates, from: number, upTo: number) =>
  states.commit({
    states: [{ ...emptyModel('ml', `m${upTo}`), revisions: { r1: {} as RevisionState } }],
    from: from === 0 ? START : to(from),
    to: to(upTo),
    messages: [],
  });

it('stores for the holder of the lease only, and only what was computed from the latest', async () => {
  const [a, b] = [replica('a'), replica('b')];
  expect([await a.lease(), await b.lease(), await a.lease()]).toEqual([true, false, true]);
  await commit(a, 0, 3);
  await expect(commit(b, 3, 4)).rejects.toThrow(NotTheWriterError);
  await expect(commit(a, 0, 5)).rejects.toThrow(NotTheWriterError);
  await commit(a, 3, 6);
  const { states, position } = await b.load();
  expect([[...states.keys()].sort(), position]).toEqual([['ml/m3', 'ml/m6'], to(6)]);
  await a.commit({ states: [emptyModel('ml', 'm3')], from: to(6), to: to(7), messages: [] });
  expect([...(await b.load()).states.keys()]).toEqual(['ml/m6']); // of whom nothing is known any more is not kept
});

it('gives the lease to another once it is released, by its holder only, and not back', async () => {
  const [a, b] = [replica('a'), replica('b')];
  await a.lease();
  await b.release();
  expect(await b.lease()).toBe(false);
  await a.release();
  expect([await b.lease(), await a.lease()]).toEqual([true, false]);
  await expect(commit(a, 0, 1)).rejects.toThrow(NotTheWriterError);
});

it('stores although the lease is renewed meanwhile', async () => {
  const a = replica('a');
  await a.lease();
  for (let i = 0; i < 20; i++) await Promise.all([commit(a, i, i + 1), a.lease(), a.lease()]);
  expect((await a.load()).position.sequence).toBe(20);
});
