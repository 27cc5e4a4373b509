import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, openBench, pause, TEST_STREAMS, type Bench } from '../testing/bench.js';
import { Batcher } from './batcher.js';
import { JetStreamEvent } from './decorators.js';
import { JetStreamContext } from './jetstream-context.js';
import { JetStreamPublisher } from './publisher.js';
import { ensureStream } from './streams.js';

interface Item {
  n: number;
}

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** A trainer: notes who did what. */
function worker(name: string, done: string[], begun: string[], takesMs: number) {
  @Controller()
  class Worker {
    @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a', confirmAck: true })
    async take(@Payload() { n }: Item) {
      begun.push(`${name} ${n}`);
      await pause(takesMs);
      done.push(`${name} ${n}`);
    }
  }
  return Worker;
}

describe('the transport', () => {
  it('on shutdown ends the job in work and leaves the waiting ones to another process', async () => {
    const done: string[] = [];
    const begun: string[] = [];
    const first = await bench.start([worker('first', done, begun, 600)]);
    for (let n = 1; n <= 4; n++) await bench.js.publish('job.a', JSON.stringify({ n }));
    await eventually(() => begun.length === 1);
    await first.close();
    expect(done).toEqual(['first 1']);
    await bench.start([worker('second', done, begun, 10)]);
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(begun).toEqual(['first 1', 'second 2', 'second 3', 'second 4']);
    expect(done).toEqual(begun);
  });

  it('tells a handler when the drain time is over, and its job is delivered again', async () => {
    const attempts: number[] = [];
    let told = false;
    @Controller()
    class Handlers {
      @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a', backoffMs: [0] })
      async take(@Ctx() { signal, attempt }: JetStreamContext) {
        attempts.push(attempt);
        if (attempt > 1) return;
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        told = true;
        signal.throwIfAborted();
      }
    }
    const first = await bench.start([Handlers], { drainTimeoutMs: 100 });
    await bench.js.publish('job.a', '{}');
    await eventually(() => attempts.length === 1);
    await first.close();
    expect(told).toBe(true);
    await bench.start([Handlers]);
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(attempts).toEqual([1, 2]);
  });

  it('goes on after the server was killed and started again', async () => {
    const seen = new Set<number>();
    @Controller()
    class Handlers {
      @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a' })
      take(@Payload() { n }: Item) {
        seen.add(n);
      }
    }
    await bench.start([Handlers]);
    const publisher = new JetStreamPublisher(bench.connection);
    await publisher.publish('job.a', { n: 1 });
    await eventually(() => seen.has(1));
    await bench.nats.kill('SIGKILL');
    const late = publisher.publish('job.a', { n: 2 });
    await bench.nats.restart();
    await late;
    await publisher.publish('job.a', { n: 3 });
    await eventually(() => seen.size === 3);
  });

  /** A client that is between two pulls when its consumer goes notices after some missed heartbeats. */
  const NOTICED_WITHIN_MS = 45_000;

  it('brings back consumers and streams that were deleted', async () => {
    const seen: number[] = [];
    @Controller()
    class Handlers {
      @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a' })
      take(@Payload() { n }: Item) {
        seen.push(n);
      }
    }
    await bench.start([Handlers]);
    await bench.js.publish('job.a', '{"n":1}');
    await eventually(() => seen.length === 1);
    await bench.manager.consumers.delete('JOBS', 'a');
    await bench.js.publish('job.a', '{"n":2}');
    await eventually(() => seen.length === 2, NOTICED_WITHIN_MS);
    await bench.manager.streams.delete('JOBS');
    await new JetStreamPublisher(bench.connection).publish('job.a', { n: 3 });
    await eventually(() => seen.length === 3, NOTICED_WITHIN_MS);
    expect(seen).toEqual([1, 2, 3]);
  });

  it('brings a consumer of an earlier version up to date', async () => {
    const seen: number[] = [];
    const version = (ackWaitMs: number) => {
      @Controller()
      class Handlers {
        @JetStreamEvent('job.a', { stream: 'JOBS', durable: 'a', ackWaitMs })
        take(@Payload() { n }: Item) {
          seen.push(n);
        }
      }
      return Handlers;
    };
    await (await bench.start([version(30_000)])).close();
    await bench.js.publish('job.a', '{"n":1}');
    await bench.start([version(5_000)]);
    await eventually(() => seen.length === 1);
    expect((await bench.manager.consumers.info('JOBS', 'a')).config.ack_wait).toBe(5e9);
  });

  it('creates its streams at once with other services, and updates them', async () => {
    const spec = { ...TEST_STREAMS[1]!, name: 'NEW', subjects: ['new.>'] };
    await Promise.all(Array.from({ length: 8 }, () => ensureStream(bench.manager, spec)));
    await ensureStream(bench.manager, { ...spec, subjects: ['new.>', 'newer.>'] });
    const { config } = await bench.manager.streams.info('NEW');
    expect(config.subjects).toEqual(['new.>', 'newer.>']);
    await ensureStream(bench.manager, { name: 'NEW', subjects: ['new.>', 'newer.>'] });
    expect((await bench.manager.streams.info('NEW')).config.max_bytes).toBe(1e7);
  });
});

describe('the publisher', () => {
  it('stores each message once over a killed and restarted server', async () => {
    const publisher = new JetStreamPublisher(bench.connection);
    const sent = Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        await pause(n * 5);
        await publisher.publish('log.x', { n });
      }),
    );
    await pause(300);
    await bench.nats.kill('SIGKILL');
    await pause(200);
    await bench.nats.restart();
    await sent;
    const bodies = new Set<string>();
    for (let seq = 1; seq <= 200; seq++)
      bodies.add((await bench.manager.streams.getMessage('EVENTS', { seq }))!.string());
    expect(await bench.stored('EVENTS')).toBe(200);
    expect(bodies.size).toBe(200);
  });

  it('gives up at its deadline', async () => {
    await bench.nats.kill('SIGKILL');
    const publisher = new JetStreamPublisher(bench.connection);
    await expect(publisher.publish('log.x', {}, { deadlineMs: 200 })).rejects.toThrow();
    await bench.nats.restart();
  });

  it('carries batches', async () => {
    const publisher = new JetStreamPublisher(bench.connection);
    const batcher = new Batcher<number>((items) => publisher.publish('log.x', items), {
      maxItems: 100,
      maxDelayMs: 20,
    });
    for (let n = 0; n < 1_050; n++) batcher.add(n);
    await batcher.flush();
    expect(await bench.stored('EVENTS')).toBe(11);
    expect(batcher.dropped).toBe(0);
  });
});
