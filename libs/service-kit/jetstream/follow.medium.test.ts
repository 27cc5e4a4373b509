import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually, openBench, type Bench } from '../testing/bench.js';
import { JetStreamEvent, LatestEvent } from './decorators.js';
import { StreamFollower } from './follow.js';
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
const say = (subject: string, n: number) => bench.js.publish(subject, JSON.stringify({ n }));

describe('latest', () => {
  it('gives every process the last message of each subject before any work, then all new ones', async () => {
    for (const n of [1, 2, 3]) await say('state.a', n);
    await say('state.b', 4);
    await say('log.x', 5);
    const replica = (seen: string[]) => {
      @Controller()
      class Handlers {
        @LatestEvent('state.>', { stream: 'EVENTS' })
        state(@Payload() { n }: Item, @Ctx() { subject }: JetStreamContext) {
          seen.push(`${subject} ${n}`);
        }
        @JetStreamEvent('log.>', { stream: 'EVENTS', durable: 'log' })
        log(@Payload() { n }: Item) {
          seen.push(`work ${n}`);
        }
      }
      return Handlers;
    };
    const one: string[] = [];
    const two: string[] = [];
    await bench.start([replica(one)]);
    await eventually(() => one.length === 3);
    expect(one).toEqual(['state.a 3', 'state.b 4', 'work 5']);
    await bench.start([replica(two)]);
    expect(two).toEqual(['state.a 3', 'state.b 4']);
    await say('state.a', 6);
    await eventually(() => one.at(-1) === 'state.a 6' && two.at(-1) === 'state.a 6');
  });

  it('is ready at once when there is nothing, and knows the newest state after the server was killed', async () => {
    const follower = new StreamFollower(bench.connection);
    const seen: number[] = [];
    await follower.followLatest<Item>({ stream: 'EVENTS', subject: 'state.>' }, ({ n }) => seen.push(n)).ready;
    expect(seen).toEqual([]);
    await say('state.a', 1);
    await eventually(() => seen.includes(1));
    await bench.nats.kill('SIGKILL');
    await bench.nats.restart();
    await new JetStreamPublisher(bench.connection).publish('state.a', { n: 2 });
    await eventually(() => seen.at(-1) === 2);
    await follower.close();
  });

  it('gives all that the stream has where the last of a subject would not do', async () => {
    for (const n of [1, 2]) await say('state.a', n);
    const follower = new StreamFollower(bench.connection);
    const seen: number[] = [];
    const options = { stream: 'EVENTS', subject: 'state.>', history: true };
    await follower.followLatest<Item>(options, ({ n }) => seen.push(n)).ready;
    expect(seen).toEqual([1, 2]);
    await follower.close();
  });

  it('passes over what cannot be read', async () => {
    const follower = new StreamFollower(bench.connection);
    const seen: number[] = [];
    await bench.js.publish('state.a', 'not json');
    await say('state.b', 2);
    await follower.followLatest<Item>({ stream: 'EVENTS', subject: 'state.>' }, ({ n }) => seen.push(n)).ready;
    expect(seen).toEqual([2]);
    await follower.close();
  });
});

describe('following a stream', () => {
  it('hands over every message once and in order, over a killed server and a new process', async () => {
    const handled: number[] = [];
    let position = 0;
    const follow = (follower: StreamFollower) =>
      follower.followStream<Item>(
        { stream: 'EVENTS', name: 'detector', after: position, batch: 16 },
        (items, context) => {
          handled.push(...items.map(({ n }) => n));
          position = context.sequence;
        },
      );
    const first = new StreamFollower(bench.connection);
    follow(first);
    let n = 0;
    const more = async (count: number) => {
      for (let i = 0; i < count; i++) await say('log.x', ++n);
    };
    await more(100);
    await eventually(() => handled.length === 100);
    await bench.nats.kill('SIGKILL');
    await bench.nats.restart();
    await eventually(() =>
      bench.connection.rtt().then(
        () => true,
        () => false,
      ),
    );
    await more(50);
    await eventually(() => handled.length === 150);
    await first.close();
    await more(50);
    const second = new StreamFollower(bench.connection);
    await follow(second).ready;
    await second.close();
    expect(handled).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(position).toBe(200);
  });

  it('tries a failed batch again in order, and gives up only the message that is to blame', async () => {
    const { manager } = bench;
    await manager.streams.add({ name: 'DLQ', subjects: ['dlq.>'] });
    const follower = new StreamFollower(bench.connection);
    const handled: number[] = [];
    let flaky = true;
    for (let n = 1; n <= 6; n++) await bench.js.publish('log.x', n === 4 ? '{' : JSON.stringify({ n }));
    const following = follower.followStream<Item>(
      { stream: 'EVENTS', name: 'detector', after: 1, batch: 8 },
      (items) => {
        if (flaky && items.length === 1 && items[0]!.n === 3) {
          flaky = false;
          throw new Error('Redis is loading');
        }
        handled.push(...items.map(({ n }) => n));
      },
    );
    await following.ready;
    expect(handled).toEqual([2, 3, 5, 6]);
    expect((await bench.deadLetters()).map((letter) => letter.body)).toEqual(['{']);
    await follower.close();
  });

  it('begins anew when the stream is a new one', async () => {
    const follower = new StreamFollower(bench.connection);
    const handled: number[] = [];
    await say('log.x', 1);
    await follower.followStream<Item>({ stream: 'EVENTS', name: 'detector', after: 500 }, ([item]) => {
      handled.push(item!.n);
    }).ready;
    expect(handled).toEqual([1]);
    await follower.close();
  });
});
