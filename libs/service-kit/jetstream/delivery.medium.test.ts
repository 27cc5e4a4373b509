import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { InvalidInputError } from '#contracts';
import { PermanentError } from '../errors.js';
import { eventually, openBench, pause, type Bench } from '../testing/bench.js';
import { JetStreamEvent } from './decorators.js';
import { JetStreamContext } from './jetstream-context.js';
import { JetStreamPublisher } from './publisher.js';

interface Item {
  n: number;
}

jest.setTimeout(30_000);
let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe('a durable handler', () => {
  it('gets a message once when it is published twice under one id', async () => {
    const seen: number[] = [];
    @Controller()
    class Handlers {
      @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a' })
      take(@Payload() { n }: Item) {
        seen.push(n);
      }
    }
    await bench.start([Handlers]);
    const publisher = new JetStreamPublisher(bench.connection);
    expect((await publisher.publish('job.a', { n: 1 }, { messageId: 'x' })).duplicate).toBe(false);
    expect((await publisher.publish('job.a', { n: 1 }, { messageId: 'x' })).duplicate).toBe(true);
    await publisher.publish('job.a', { n: 2 });
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(seen).toEqual([1, 2]);
  });

  it('keeps a job that takes longer than the ack wait', async () => {
    let runs = 0;
    @Controller()
    class Handlers {
      @JetStreamEvent('job.long', { stream: 'JOBS', durable: 'long', ackWaitMs: 1_000, confirmAck: true })
      async take() {
        runs++;
        await pause(2_500);
      }
    }
    await bench.start([Handlers]);
    await bench.js.publish('job.long', '{}');
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(runs).toBe(1);
  });

  it('is tried again after a pause, and then its message becomes a dead letter with the reason', async () => {
    const attempts: number[] = [];
    @Controller()
    class Handlers {
      @JetStreamEvent('job.bad', { stream: 'JOBS', durable: 'bad', maxDeliver: 3, backoffMs: [50, 100] })
      take(@Ctx() context: JetStreamContext) {
        attempts.push(context.attempt);
        throw new Error('disk full');
      }
    }
    await bench.start([Handlers]);
    await bench.js.publish('job.bad', '{"n":7}');
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await bench.deadLetters()).toEqual([
      { subject: 'dlq.job.bad', reason: 'disk full', attempts: '3', body: '{"n":7}' },
    ]);
  });

  it('sends what no retry can help to the dead letters at once and goes on', async () => {
    let done = 0;
    const parse = (json: unknown): Item => {
      if (typeof (json as Item).n !== 'number') throw new InvalidInputError('item', 'n', 'must be a number');
      return json as Item;
    };
    @Controller()
    class Handlers {
      @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a', parse })
      take(@Payload() { n }: Item) {
        if (n < 0) throw new PermanentError('negative');
        done++;
      }
    }
    await bench.start([Handlers]);
    for (const body of ['{"n":', '{"n":"one"}', '{"n":-1}', '{"n":1}']) await bench.js.publish('job.a', body);
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    const letters = await bench.deadLetters();
    expect(letters.map((letter) => letter.attempts)).toEqual(['1', '1', '1']);
    expect(letters[0]!.reason).toMatch(/JSON/);
    expect(letters.slice(1).map((letter) => letter.reason)).toEqual(['item: field "n" must be a number', 'negative']);
    expect(done).toBe(1);
  });

  it('does not run again for a message that ended the process each time', async () => {
    let runs = 0;
    @Controller()
    class Handlers {
      @JetStreamEvent('job.poison', { stream: 'JOBS', durable: 'poison', maxDeliver: 2 })
      take() {
        runs++;
      }
    }
    await bench.manager.consumers.add('JOBS', {
      durable_name: 'poison',
      filter_subject: 'job.poison',
      ack_policy: 'explicit',
    });
    await bench.js.publish('job.poison', '{}');
    const consumer = await bench.js.consumers.get('JOBS', 'poison');
    for (let crash = 1; crash <= 2; crash++) (await consumer.next({ expires: 2_000 }))!.nak();
    await bench.start([Handlers]);
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(runs).toBe(0);
    expect((await bench.deadLetters())[0]).toMatchObject({
      attempts: '3',
      reason: expect.stringMatching(/process ended/),
    });
  });

  it('has a consumer of its own even when another handler wants the same subject', async () => {
    const seen: string[] = [];
    @Controller()
    class One {
      @JetStreamEvent('log.x', { stream: 'EVENTS', durable: 'one' })
      take(@Ctx() { sequence }: JetStreamContext) {
        seen.push(`one ${sequence}`);
      }
    }
    @Controller()
    class Two {
      @JetStreamEvent('log.x', { stream: 'EVENTS', durable: 'two' })
      take(@Ctx() { sequence }: JetStreamContext) {
        seen.push(`two ${sequence}`);
      }
    }
    await bench.start([One, Two]);
    await bench.js.publish('log.x', '{}');
    await eventually(() => seen.length >= 2);
    expect(seen.sort()).toEqual(['one 1', 'two 1']);
  });
});

describe('a batch handler', () => {
  it('gets the whole stream in arrays, in order, each message with its sequence', async () => {
    const batches: { n: number[]; sequences: number[] }[] = [];
    @Controller()
    class Handlers {
      @JetStreamEvent('>', { stream: 'EVENTS', durable: 'all', batch: 64 })
      take(@Payload() items: Item[], @Ctx() { sequences }: JetStreamContext) {
        batches.push({ n: items.map((item) => item.n), sequences });
      }
    }
    for (let n = 1; n <= 200; n++) await bench.js.publish(n % 2 ? 'log.odd' : 'state.even', JSON.stringify({ n }));
    await bench.start([Handlers]);
    await eventually(() => batches.flatMap((b) => b.n).length >= 200);
    const all = Array.from({ length: 200 }, (_, i) => i + 1);
    expect(batches.flatMap((b) => b.n)).toEqual(all);
    expect(batches.flatMap((b) => b.sequences)).toEqual(all);
    expect(Math.max(...batches.map((b) => b.n.length))).toBeLessThanOrEqual(64);
    expect(batches.length).toBeLessThan(20);
    await eventually(async () => (await bench.manager.consumers.info('EVENTS', 'all')).num_ack_pending === 0);
  });

  it('loses only the message that is to blame', async () => {
    const done: number[] = [];
    @Controller()
    class Handlers {
      @JetStreamEvent('log.>', { stream: 'EVENTS', durable: 'all', batch: 64 })
      take(@Payload() items: Item[]) {
        if (items.some(({ n }) => n === 5)) throw new PermanentError('five is not wanted');
        done.push(...items.map(({ n }) => n));
      }
    }
    for (let n = 1; n <= 10; n++) await bench.js.publish('log.x', n === 8 ? 'not json' : JSON.stringify({ n }));
    await bench.start([Handlers]);
    await eventually(async () => (await bench.deadLetters()).length === 2);
    await eventually(() => done.length >= 8);
    expect(done.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 6, 7, 9, 10]);
    expect((await bench.deadLetters()).map((letter) => letter.body).sort()).toEqual(['not json', '{"n":5}']);
  });
});
