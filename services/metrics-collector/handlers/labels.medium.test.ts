import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import type { Sample } from '#contracts';
import { logBytes, logRequest, logResponse } from '../testing/logger.js';
import { plainExaminer } from '../testing/plain-examiner.js';
import { CALIBRATION_ID, protectionOf } from '../testing/protection.js';
import { eventually, Stage } from '../testing/stage.js';

let stage: Stage;
let one: string;
let other: string;
beforeAll(async () => {
  stage = await Stage.open();
  one = await stage.collector(plainExaminer());
  other = await stage.collector(plainExaminer());
  for (const model of ['late', 'early', 'order', 'labels-only', 'wild', 'outage', 'again'])
    await stage.publish('protection.updated', protectionOf(model, ['r1', 'r2'], model !== 'labels-only'));
}, 60_000);
afterAll(() => stage.close(), 60_000);

const postLabels = (url: string, body: unknown) =>
  fetch(`${url}/v1/labels`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const errors = (samples: Sample[]) => samples.filter(({ signals }) => signals?.['error'] !== undefined);
const errorsOf = (model: string, count: number) =>
  eventually(
    async () => errors(await stage.samples(model)),
    (found) => found.length >= count,
  );

/** Collectors learn of a model shortly after its event: asks until a response of it is taken for a prediction. */
async function known(model: string, url: string): Promise<void> {
  await eventually(
    async () => {
      await logResponse(url, `ml/${model}?revision=r1`, 'warm-up', [0]);
      return (await fetch(`${url}/metrics`)).text();
    },
    (metrics) => /antibody_collector_events_total\{half="response"\} [1-9]/.test(metrics),
  );
}

describe('labels', () => {
  it('meet the prediction that another replica has logged before', async () => {
    await known('late', one);
    await logResponse(one, 'ml/late?revision=r1', 'a', [2, 1]);
    await postLabels(other, [
      { namespace: 'ml', model: 'late', id: 'a', label: 2 },
      { namespace: 'ml', model: 'late', id: 'a', row: 1, label: 0 },
    ]);
    const found = await errorsOf('late', 2);
    const sample = { namespace: 'ml', model: 'late', revision: 'r1', calibration: CALIBRATION_ID, id: 'a' };
    expect(found).toEqual([
      { ...sample, row: 0, signals: { error: 0 } },
      { ...sample, row: 1, signals: { error: 1 } },
    ]);
  });

  it('wait for their prediction', async () => {
    await known('early', other);
    await postLabels(one, { namespace: 'ml', model: 'early', id: 'b', label: 1 });
    await eventually(
      () => stage.stored('LABELS'),
      (stored) => stored.length > 0,
    );
    await logResponse(other, 'ml/early?revision=r2', 'b', [0]);
    expect(await errorsOf('early', 1)).toMatchObject([{ id: 'b', revision: 'r2', signals: { error: 1 } }]);
  });

  it('count once, however often and wherever label and prediction are repeated', async () => {
    await known('order', one);
    const label = { namespace: 'ml', model: 'order', label: 0 };
    const ids = Array.from({ length: 60 }, (_, i) => `row-${i}`);
    const js = jetstream(stage.connection);
    await Promise.all(
      ids.flatMap((id, i) => [
        logResponse(i % 2 ? one : other, 'ml/order?revision=r1', id, [i % 3]),
        js.publish('label.observed', JSON.stringify({ ...label, id })),
        js.publish('label.observed.ml.order', JSON.stringify({ labels: [{ ...label, id }] })),
        logResponse(i % 2 ? other : one, 'ml/order?revision=r1', id, [i % 3]),
        postLabels(i % 2 ? one : other, { labels: [{ ...label, id }] }),
      ]),
    );
    // Whatever comes after all of them has been handled after them, by either replica.
    for (const url of [one, other]) {
      await logResponse(url, 'ml/order?revision=r1', `last-${url}`, [0]);
      await js.publish('label.observed', JSON.stringify({ ...label, id: `last-${url}` }));
    }
    const found = await errorsOf('order', ids.length + 2);
    const ofRows = found.filter(({ id }) => id?.startsWith('row-'));
    expect(new Set(ofRows.map(({ id }) => id))).toEqual(new Set(ids));
    expect(ofRows).toHaveLength(ids.length);
    for (const { id, signals } of ofRows) expect(signals).toEqual({ error: Number(id!.slice(4)) % 3 === 0 ? 0 : 1 });
  }, 60_000);

  it('are all that is needed where a model has no file', async () => {
    await known('labels-only', one);
    await logRequest(one, 'ml/labels-only?revision=r1', 'q', [[0, 0, 1, 0]]);
    await logResponse(one, 'ml/labels-only?revision=r1', 'q', [1]);
    await postLabels(one, { namespace: 'ml', model: 'labels-only', id: 'q', label: 1 });
    await errorsOf('labels-only', 1);
    expect(await stage.samples('labels-only')).toEqual([
      { namespace: 'ml', model: 'labels-only', revision: 'r1', id: 'q', row: 0, signals: { error: 0 } },
    ]);
    expect(await (await fetch(`${one}/metrics`)).text()).toContain(
      'antibody_collector_watched{namespace="ml",model="labels-only",revision="r1",watch="labels-only"} 1',
    );
  });

  it('may have ids that no message header would take', async () => {
    await known('wild', one);
    const ids = ['line\r\nbreak: 1', 'ü/…/日本', ' ', 'a'.repeat(256), '__proto__'];
    for (const id of ids) {
      await postLabels(one, { namespace: 'ml', model: 'wild', id, label: 0 });
    }
    const js = jetstream(stage.connection);
    await stage.publish('protection.updated', {
      ...protectionOf('wild', ['r1']),
      detection: { ...protectionOf('wild', []).detection, requestId: 'v2-id' },
    });
    await js.publish('label.observed', JSON.stringify({ namespace: 'ml', model: 'wild', id: 'end', label: 0 }));
    const found = await eventually(
      async () => {
        for (const id of [...ids, 'end']) {
          const body = { id, outputs: [{ name: 'y', datatype: 'INT64', shape: [1], data: [0] }] };
          await logBytes(one, 'ml/wild?revision=r1', 'response', 'same', JSON.stringify(body));
        }
        return errors(await stage.samples('wild'));
      },
      (samples) => samples.length > ids.length,
    );
    expect(found.map(({ id }) => id).sort()).toEqual([...ids, 'end'].sort());
  });

  it('and predictions that come while Redis is gone are kept, and signals go on', async () => {
    await known('outage', one);
    await stage.redis.kill('SIGKILL');
    await logRequest(one, 'ml/outage?revision=r1', 'z', [[0, 0, 0, 1]]);
    await logResponse(one, 'ml/outage?revision=r1', 'z', [3]);
    await jetstream(stage.connection).publish(
      'label.observed',
      JSON.stringify({ namespace: 'ml', model: 'outage', id: 'z', label: 0 }),
    );
    const free = await eventually(
      () => stage.samples('outage'),
      (samples) => samples.some(({ signals }) => signals?.['squeeze'] === 1),
    );
    expect(free.map(({ id, signals }) => [id, signals])).toEqual([['z', { squeeze: 1 }]]);
    await stage.redis.restart();
    const found = await eventually(
      () => stage.samples('outage'),
      (samples) => samples.length >= 3,
    );
    expect(found.slice(1).flatMap(({ id, signals }) => [id, signals])).toEqual(
      expect.arrayContaining(['z', { error: 1 }, { mismatch: 0 }]),
    );
  }, 60_000);

  it('posted while NATS is gone are answered with 503, and with 202 when posted again later', async () => {
    await known('again', one);
    await logResponse(one, 'ml/again?revision=r1', 'n', [3]);
    const label = { namespace: 'ml', model: 'again', id: 'n', label: 3 };
    await stage.nats.kill('SIGKILL');
    const refused = await postLabels(one, label);
    await stage.nats.restart();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ detail: 'the bus did not take the labels: post them again' });
    const taken = await eventually(
      () => postLabels(one, label),
      ({ status }) => status === 202,
    );
    expect(taken.status).toBe(202);
    const reconnected = () =>
      stage.connection.flush().then(
        () => true,
        () => false,
      );
    await eventually(reconnected, Boolean); // what this test's own connection asks before may get no answer
    expect((await errorsOf('again', 1)).map(({ id, signals }) => [id, signals])).toEqual([['n', { error: 0 }]]);
  }, 60_000);
});
