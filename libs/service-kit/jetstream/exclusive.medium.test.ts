import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { eventually, openBench, pause, type Bench } from '../testing/bench.js';
import { JetStreamEvent } from './decorators.js';

interface Item {
  n: number;
}

jest.setTimeout(30_000);
let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

function trainer(name: string, log: string[], work: (job: string) => Promise<void>) {
  const job = (kind: string) => ({
    stream: 'JOBS',
    durable: kind,
    exclusive: 'job',
    ackWaitMs: 2_000,
    confirmAck: true,
  });
  const busy = { now: 0 };
  async function run(what: string) {
    if (++busy.now > 1) log.push(`${name} does two things at once`);
    log.push(`${name} ${what}`);
    await work(what);
    busy.now--;
  }
  @Controller()
  class Trainer {
    @JetStreamEvent('job.train', job('train'))
    train(@Payload() { n }: Item) {
      return run(`train ${n}`);
    }
    @JetStreamEvent('job.evaluate', job('evaluate'))
    evaluate(@Payload() { n }: Item) {
      return run(`evaluate ${n}`);
    }
    @JetStreamEvent('job.calibrate', job('calibrate'))
    calibrate(@Payload() { n }: Item) {
      return run(`calibrate ${n}`);
    }
  }
  return Trainer;
}

describe('exclusive handlers', () => {
  it('take one message at a time, in rotation', async () => {
    const log: string[] = [];
    for (let n = 1; n <= 3; n++) await bench.js.publish('job.train', JSON.stringify({ n }));
    for (let n = 1; n <= 2; n++) await bench.js.publish('job.evaluate', JSON.stringify({ n }));
    await bench.js.publish('job.calibrate', '{"n":1}');
    await bench.start([trainer('one', log, () => pause(50))]);
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(log).toEqual([
      'one train 1',
      'one evaluate 1',
      'one calibrate 1',
      'one train 2',
      'one evaluate 2',
      'one train 3',
    ]);
  });

  it('hold nothing back: a second process takes what waits while the first is busy', async () => {
    const log: string[] = [];
    let release!: () => void;
    const blocked = new Promise<void>((resolve) => (release = resolve));
    await bench.start([trainer('one', log, () => blocked)]);
    await bench.js.publish('job.train', '{"n":1}');
    await eventually(() => log.length === 1);
    for (let n = 2; n <= 4; n++) await bench.js.publish('job.train', JSON.stringify({ n }));
    await bench.js.publish('job.evaluate', '{"n":1}');
    await bench.start([trainer('two', log, () => pause(10))]);
    await eventually(() => log.length === 5);
    expect(log[0]).toBe('one train 1');
    expect(log.slice(1).sort()).toEqual(['two evaluate 1', 'two train 2', 'two train 3', 'two train 4']);
    release();
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(log).toHaveLength(5);
  });

  it('see a job that was given back', async () => {
    const log: string[] = [];
    let failures = 1;
    @Controller()
    class Flaky {
      @JetStreamEvent('job.train', { stream: 'JOBS', durable: 'train', exclusive: 'job', backoffMs: [200] })
      train() {
        log.push('try');
        if (failures-- > 0) throw new Error('no memory');
      }
    }
    await bench.start([Flaky]);
    await bench.js.publish('job.train', '{}');
    await eventually(async () => (await bench.stored('JOBS')) === 0);
    expect(log).toEqual(['try', 'try']);
  });
});
