import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DEFAULT_DETECTION } from '#contracts';
import { UNPROTECTED } from './domain/context.js';
import { Course } from './testing/course.js';
import { eventually, openWorld, type World } from './testing/world.js';

jest.setTimeout(180_000);
let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.stop());

/** 400 usual rows with an error now and then, then errors only. */
const isCorrect = (i: number) => i < 400 && i % 40 !== 0;
/** At which row an uninterrupted run raises its alarm. */
const alarmAt = (): number => {
  const course = new Course(UNPROTECTED);
  let i = 0;
  while (course.events.length === 0) course.say({ correct: isCorrect(i++) });
  return i;
};
const send = async (model: string, from: number, to: number) => {
  for (let i = from; i < to; i++) await world.publish('accuracy.sample', { model, correct: isCorrect(i), id: `q${i}` });
};
const sum = (windows: Record<string, unknown>[], field: string) =>
  windows.reduce((total, window) => total + Number(window[field]), 0);
const counted = (model: string, rows: number) =>
  eventually(`${rows} rows of ${model} are counted`, async () => {
    const windows = await world.wait(`accuracy.window.default.${model}`);
    return sum(windows, 'n') >= rows && windows;
  });

describe('anomaly detector', () => {
  it('gets from bare samples of any client to an alarm and to an undetermined verdict, and says what it did not count', async () => {
    await send('m', 0, alarmAt());
    const [raised] = await world.wait('anomaly.raised.default.m');
    expect(raised).toMatchObject({ examined: alarmAt(), tests: [], trigger: { id: `q${alarmAt() - 1}` } });
    const [verdict] = await world.wait('verdict.undetermined.default.m');
    expect(verdict).toMatchObject({ anomalyId: raised!.anomalyId, reason: 'no-verdict' });
    const [model] = await world.models();
    expect(model).toMatchObject({ model: 'm', examined: alarmAt(), anomaly: { id: raised!.anomalyId } });

    const samples = [
      { model: 'm', correct: true },
      { model: 'm', correct: 'yes' },
      { model: 'm', signals: { odd: 1 } },
    ];
    await world.publish('accuracy.sample', { samples });
    await world.publish('accuracy.sample.default.m', 'nonsense');
    const dead = await eventually('dead letters', async () => {
      const letters = await world.stored('DLQ', 'dlq.>');
      return letters.length === 2 && letters;
    });
    const ofBatch = dead.find(({ subject }) => subject === 'dlq.accuracy.sample');
    expect(ofBatch?.headers['X-Dlq-Reason']).toMatch(/1 of 3 .*"correct"/);
    expect(ofBatch?.json).toMatchObject({ invalid: [{ index: 1, item: samples[1] }] });
    await counted('m', alarmAt() + 1);
    const metrics = await (await fetch(`${world.detector.url}/metrics`)).text();
    expect(metrics).toContain('antibody_detector_ignored_total{reason="invalid"} 2');
    expect(metrics).toContain('antibody_detector_ignored_total{reason="unknown-signal"} 1');
    expect(metrics).toContain('antibody_detector_leading 1');
  });

  it('raises the same alarm at the same sample when it is killed, and counts nothing twice', async () => {
    const half = Math.floor(alarmAt() / 2);
    await send('m', 0, half);
    await eventually('some are stored', async () => Number((await world.models())[0]?.examined) > half / 2);
    const rest = send('m', half, alarmAt() + 50);
    await world.detector.kill('SIGKILL');
    await world.detector.restart();
    await eventually('more are stored', async () => Number((await world.models())[0]?.examined) > half);
    await world.detector.kill('SIGKILL');
    await rest;
    await world.detector.restart();
    const [raised] = await world.wait('anomaly.raised.default.m');
    expect(raised).toMatchObject({ examined: alarmAt(), trigger: { id: `q${alarmAt() - 1}`, row: 0 } });
    const windows = await counted('m', alarmAt() + 50);
    expect(sum(windows, 'n')).toBe(alarmAt() + 50);
    expect(await world.wait('anomaly.raised.default.m')).toHaveLength(1);
  });

  it('goes on exactly after NATS and Redis were killed', async () => {
    const third = Math.floor(alarmAt() / 3);
    await send('m', 0, third);
    const rest = send('m', third, alarmAt() + 50);
    await world.redis.kill('SIGKILL');
    await world.redis.restart();
    await eventually('more are stored', async () => Number((await world.models())[0]?.examined) > third);
    await world.nats.kill('SIGKILL');
    await world.nats.restart();
    await rest;
    const [raised] = await world.wait('anomaly.raised.default.m');
    const windows = await counted('m', alarmAt());
    // A sample whose acknowledgement the killed server did not send was sent again: it is a message of its own.
    const published = (await world.stored('SAMPLES', 'accuracy.sample')).length;
    await counted('m', published);
    expect(sum(await world.wait('accuracy.window.default.m'), 'n')).toBe(published);
    expect(published - (alarmAt() + 50)).toBeLessThanOrEqual(2);
    expect(raised).toMatchObject({ trigger: { row: 0 } });
    expect(windows.length).toBeGreaterThan(0);
    expect(await world.wait('anomaly.raised.default.m')).toHaveLength(1);
    expect(await world.stored('DLQ', 'dlq.>')).toEqual([]);
  });

  it('has one writer: a standby says so, and takes over', async () => {
    await send('m', 0, 100);
    const standby = await world.startAnother();
    expect(await (await fetch(`${standby.url}/v1/models`)).json()).toEqual({ standby: true });
    await counted('m', 100);
    await world.detector.kill('SIGKILL');
    await send('m', 100, 200);
    const windows = await counted('m', 200);
    expect(sum(windows, 'n')).toBe(200);
    const models = (await (await fetch(`${standby.url}/v1/models`)).json()) as { examined: number }[];
    expect(models).toMatchObject([{ examined: 200 }]);
  });

  it('closes the anomaly of a revision that leaves the policy', async () => {
    const protection = (...revisions: string[]) => ({
      specversion: '1.0',
      type: 'dev.antibody.protection.updated.v1',
      id: revisions.join(),
      source: 'test',
      time: new Date().toISOString(),
      data: {
        namespace: 'default',
        model: 'm',
        inputs: null,
        detection: DEFAULT_DETECTION,
        revisions: revisions.map((revision) => ({ revision, modelFile: null, calibration: null, certified: false })),
      },
    });
    await world.publish('protection.updated.default.m', protection('r1'));
    await eventually('the policy is known', async () => {
      await world.publish('accuracy.sample', { model: 'm', revision: 'r1', correct: false });
      return (await world.stored('EVENTS', 'anomaly.raised.default.m')).length > 0;
    });
    await world.publish('protection.updated.default.m', protection('r2'));
    const [closed] = await world.wait('anomaly.closed.default.m');
    expect(closed).toMatchObject({ reason: 'revision-gone', verdict: 'undetermined' });
    for (let i = 0; i < 20; i++) await world.publish('accuracy.sample', { model: 'm', revision: 'r1', correct: false });
    await world.publish('accuracy.sample', { model: 'm', revision: 'r2', correct: true });
    await eventually('all are handled', async () => (await world.models())[0]?.examined === 1);
    expect(await world.wait('anomaly.raised.default.m')).toHaveLength(1);
  });
});
