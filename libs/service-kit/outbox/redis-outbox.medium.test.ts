import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { startRedis, type ThrowAwayServer } from '#testbed';
import { JetStreamPublisher } from '../jetstream/publisher.js';
import { connectRedis } from '../redis.js';
import { eventually, openBench, type Bench } from '../testing/bench.js';
import { RedisOutbox } from './redis-outbox.js';

jest.setTimeout(30_000);
Logger.overrideLogger(false);
let bench: Bench;
let server: ThrowAwayServer;
let redis: Redis;
const open: RedisOutbox[] = [];
beforeEach(async () => {
  [bench, server] = await Promise.all([openBench(), startRedis()]);
  redis = connectRedis(server.url);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((outbox) => outbox.onApplicationShutdown()));
  redis.disconnect();
  await bench.close();
  await server.stop();
});

const newProcess = (): RedisOutbox => {
  const outbox = new RedisOutbox({ redis, publisher: new JetStreamPublisher(bench.connection), key: 'outbox' });
  open.push(outbox);
  return outbox;
};
const message = (n: number) => ({ subject: 'log.x', messageId: `m${n}`, data: { n } });
const published = async (): Promise<number[]> => {
  const count = await bench.stored('EVENTS');
  const bodies: number[] = [];
  for (let seq = 1; seq <= count; seq++)
    bodies.push((await bench.manager.streams.getMessage('EVENTS', { seq }))!.json<{ n: number }>().n);
  return bodies;
};

describe('the outbox', () => {
  it('stores state and messages together, and publishes them in order', async () => {
    const outbox = newProcess();
    outbox.onApplicationBootstrap();
    for (let n = 1; n <= 50; n++) await outbox.commit((multi) => multi.incr('count'), [message(n)]);
    await outbox.drain();
    expect(await redis.get('count')).toBe('50');
    expect(await published()).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    expect(await outbox.pending()).toBe(0);
  });

  it('stores neither when the change fails', async () => {
    const outbox = newProcess();
    const bad = outbox.commit(() => {
      throw new Error('no');
    }, [message(1)]);
    await expect(bad).rejects.toThrow('no');
    expect(await outbox.pending()).toBe(0);
    await expect(outbox.commit(() => undefined, [{ ...message(1), data: 'x'.repeat(1_100_000) }])).rejects.toThrow(
      /larger/,
    );
  });

  it('resumes what a dead process left, and repeats nothing that it had published', async () => {
    const dead = newProcess(); // never starts to publish
    for (const n of [1, 2, 3]) await dead.commit((multi) => multi.set('last', n), [message(n)]);
    // It died after publishing the first message and before forgetting it.
    await new JetStreamPublisher(bench.connection).publish('log.x', { n: 1 }, { messageId: 'm1' });
    const next = newProcess();
    next.onApplicationBootstrap();
    await next.drain();
    expect(await published()).toEqual([1, 2, 3]);
  });

  it('waits for a killed NATS server and loses nothing', async () => {
    const outbox = newProcess();
    outbox.onApplicationBootstrap();
    for (let n = 1; n <= 20; n++) await outbox.commit(() => undefined, [message(n)]);
    await bench.nats.kill('SIGKILL');
    for (let n = 21; n <= 40; n++) await outbox.commit(() => undefined, [message(n)]);
    expect(await outbox.pending()).toBeGreaterThanOrEqual(20);
    await bench.nats.restart();
    await outbox.drain();
    expect(await published()).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it('publishes once with two processes at work, and in order for each', async () => {
    const [a, b] = [newProcess(), newProcess()];
    a.onApplicationBootstrap();
    b.onApplicationBootstrap();
    await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 ? a : b).commit(() => undefined, [message(n)])));
    await Promise.all([a.drain(), b.drain()]);
    const all = await published();
    expect(all).toHaveLength(60);
    for (const parity of [0, 1]) {
      const own = all.filter((n) => n % 2 === parity);
      expect(own).toEqual([...own].sort((x, y) => x - y));
    }
  });

  it('counts a cause once', async () => {
    const outbox = newProcess();
    const add = () => outbox.commit((multi) => multi.incr('count'), [message(1)], { once: 'cause-1' });
    expect(await Promise.all([add(), add(), add()])).toEqual(['done', 'duplicate', 'duplicate']);
    expect(await redis.get('count')).toBe('1');
    expect(await outbox.pending()).toBe(1);
  });

  it('lets a decision be to do nothing, once and for all if there is a cause', async () => {
    const outbox = newProcess();
    const before = await redis.dbsize();
    expect(await outbox.update(['x'], () => Promise.resolve({}))).toBe('done');
    expect(await redis.dbsize()).toBe(before);
    const nothing = () => outbox.update(['x'], () => Promise.resolve({}), { once: 'cause-2' });
    expect([await nothing(), await nothing()]).toEqual(['done', 'duplicate']);
  });

  it('decides again when another process was faster', async () => {
    const processes = [newProcess(), newProcess(), newProcess()];
    const decisions: number[] = [];
    const increment = (outbox: RedisOutbox) =>
      outbox.update(['counter'], async (r) => {
        const next = Number((await r.get('counter')) ?? 0) + 1;
        decisions.push(next);
        return { change: (multi) => multi.set('counter', next), messages: [message(next)] };
      });
    await Promise.all(processes.flatMap((outbox) => Array.from({ length: 20 }, () => increment(outbox))));
    expect(await redis.get('counter')).toBe('60');
    expect(await processes[0]!.pending()).toBe(60);
    expect(decisions.length).toBeGreaterThan(60); // there were conflicts
  });

  it('is exact over a killed Redis', async () => {
    const outbox = newProcess();
    outbox.onApplicationBootstrap();
    const commits = Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        outbox.update(
          ['sum'],
          async (r) => {
            const sum = Number((await r.get('sum')) ?? 0);
            return { change: (multi) => multi.set('sum', sum + 1), messages: [message(n)] };
          },
          { once: `c${n}` },
        ),
      ),
    );
    await eventually(async () => Number(await sumNow()) > 50);
    await server.kill('SIGKILL');
    await server.restart();
    await commits;
    expect(await redis.get('sum')).toBe('300');
    await outbox.drain();
    expect((await published()).sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });
});

const sumNow = () => redis.get('sum').catch(() => '0');
