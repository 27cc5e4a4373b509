import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { logBytes, logRequest, logResponse } from '../testing/logger.js';
import { plainExaminer } from '../testing/plain-examiner.js';
import { protectionOf } from '../testing/protection.js';
import { eventually, Stage } from '../testing/stage.js';

let stage: Stage;
let url: string;
let release: () => void = () => undefined;
beforeAll(async () => {
  stage = await Stage.open();
  const plain = plainExaminer();
  let gate = Promise.resolve();
  const examiner = {
    ...plain,
    examine: async (request: Parameters<typeof plain.examine>[0]) => {
      if (request.members.some(({ id }) => id === 'block')) gate = new Promise((resolve) => (release = resolve));
      await gate;
      return plain.examine(request);
    },
  };
  url = await stage.collector(examiner, {
    MAX_BODY_BYTES: '20000',
    MAX_QUEUED_EVENTS: '50',
    HTTP_TOKEN: 'a-token-of-this-test',
  });
  await stage.publish('protection.updated', protectionOf('m', ['r1']));
  await eventually(metrics, (text) => text.includes('antibody_collector_watched{namespace="ml",model="m"'));
}, 60_000);
afterAll(() => stage.close(), 60_000);

const metrics = async () => (await fetch(`${url}/metrics`)).text();
const lost = async (reason: string) =>
  Number(new RegExp(`lost_total\\{reason="${reason}"\\} (\\d+)`).exec(await metrics())?.[1] ?? 0);
const PROBLEM = 'application/problem+json; charset=utf-8';
const PATH = 'ml/m?revision=r1';

const logRaw = (body: Buffer) =>
  fetch(`${url}/v1/ingest/${PATH}`, {
    method: 'POST',
    headers: { 'ce-id': 'raw', 'ce-type': 'org.kubeflow.serving.inference.response' },
    body,
  });

describe('logger intake', () => {
  it('answers an empty 200 and keeps the connection, whatever comes; what is useless is counted by reason', async () => {
    const cases: [string, () => Promise<Response>][] = [
      ['empty', () => logBytes(url, PATH, 'request', 'a', '')],
      ['not-inference', () => logBytes(url, PATH, 'request', 'a', 'hello')],
      ['not-inference', () => logBytes(url, PATH, 'response', 'a', '[1, 2')],
      ['malformed', () => logBytes(url, PATH, 'request', 'a', '{"instances": [[1, 2]]}')],
      ['malformed', () => logBytes(url, PATH, 'response', 'a', '{"predictions": ["cat"]}')],
      ['malformed', () => fetch(`${url}/v1/ingest/${PATH}`, { method: 'POST', body: '{"instances": [[1, 2, 3, 4]]}' })],
      ['malformed', () => logRaw(Buffer.from([0x1f, 0x8b, 1, 2, 3]))],
      ['unknown-model', () => logResponse(url, 'ml/other?revision=r1', 'a', [1])],
      ['unknown-revision', () => logResponse(url, 'ml/m?revision=r9', 'a', [1])],
    ];
    for (const [reason, send] of cases) {
      const before = await lost(reason);
      const response = await send();
      expect([reason, response.status, response.headers.get('content-length'), await response.text()]).toEqual([
        reason,
        200,
        '0',
        '',
      ]);
      const after = await eventually(
        () => lost(reason),
        (count) => count > before,
      );
      expect([reason, after]).toEqual([reason, before + 1]);
    }
  }, 30_000);

  it('answers a logger whose URL is wrong with what is wrong', async () => {
    for (const [path, status, field] of [
      ['ml/m', 400, 'revision'],
      ['ml/m?revision=UPPER', 400, 'revision'],
      ['ml/Not_A_Name?revision=r1', 404, 'model'],
    ] as const) {
      const response = await logResponse(url, path, 'a', [1]);
      expect([response.status, response.headers.get('content-type')]).toEqual([status, PROBLEM]);
      expect(await response.json()).toMatchObject({ status, field });
    }
    expect((await logResponse(url, 'ml', 'a', [1])).status).toBe(404);
  });

  it('refuses a body over the limit, and takes one without any content type', async () => {
    expect((await logBytes(url, PATH, 'request', 'a', 'x'.repeat(30_000))).status).toBe(413);
    expect(await lost('too-large')).toBe(1);
    const body = '{"instances":[[0,1,0,0]]}';
    const head = [
      `POST /v1/ingest/${PATH} HTTP/1.1`,
      'Host: x',
      'Ce-Id: bare',
      'Ce-Type: org.kubeflow.serving.inference.request',
      `Content-Length: ${body.length}`,
    ];
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
        socket.write(`${head.join('\r\n')}\r\n\r\n${body}`),
      );
      socket.once('data', (data) => resolve(socket.end() && data.toString()));
      socket.once('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    const samples = await eventually(
      () => stage.samples('m'),
      (found) => found.some(({ id }) => id === 'bare'),
    );
    expect(samples).toContainEqual(expect.objectContaining({ id: 'bare', signals: { squeeze: 0 } }));
  });

  it('examines a request whose client chose an overlong id, or a compressed body', async () => {
    const id = 'x'.repeat(1000);
    await logRequest(url, PATH, id, [[0, 0, 0, 1]]);
    const before = await lost('malformed');
    await logRaw(gzipSync('{"predictions":[1]}'));
    const samples = await eventually(
      () => stage.samples('m'),
      (found) => found.some((sample) => sample.id?.startsWith('sha256:')),
    );
    expect(samples).toContainEqual(
      expect.objectContaining({ id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), signals: { squeeze: 1 } }),
    );
    expect(await lost('malformed')).toBe(before);
  });

  it('sheds what does not fit its queue and counts it, without waiting', async () => {
    await logRequest(url, PATH, 'block', [[1, 0, 0, 0]]);
    let overflow = 0;
    for (let i = 0; i < 120; i++) {
      expect((await logRequest(url, PATH, `flood-${i}`, [[1, 0, 0, 0]])).status).toBe(200);
      overflow = await lost('overflow');
    }
    expect(overflow).toBeGreaterThan(0);
    release();
    const arrived = await eventually(
      async () => (await stage.samples('m')).filter(({ id }) => id?.startsWith('flood-')).length,
      (count) => count >= 120 - overflow,
    );
    expect(arrived + overflow).toBe(120);
  }, 30_000);
});

describe('posted labels and samples', () => {
  const post = (path: string, body: unknown, token = 'a-token-of-this-test') =>
    fetch(`${url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });

  it('need the token', async () => {
    expect((await post('labels', {}, 'wrong')).status).toBe(401);
  });

  it('pass the right ones on, and tell of the wrong ones by index', async () => {
    const response = await post('samples', [
      { model: 'custom', correct: true },
      { model: 'custom', signals: { drift: 2 } },
      { model: 'custom', namespace: 'ml', signals: { drift: 0.5 } },
    ]);
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ accepted: 2, invalid: [{ index: 1 }] });
    const stored = (await stage.stored('SAMPLES')).filter(({ subject }) => subject === 'accuracy.sample');
    expect(stored.map(({ json }) => json)).toEqual([
      {
        samples: [
          { model: 'custom', correct: true },
          { model: 'custom', namespace: 'ml', signals: { drift: 0.5 } },
        ],
      },
    ]);
    expect((await post('labels', { labels: [{ model: 'm', id: 'a', label: 3 }] })).status).toBe(202);
  });

  it.each([
    ['labels', { model: 'm', label: 1 }, 'id'],
    ['labels', { labels: [{ model: 'm', id: 'a', label: -1 }] }, 'label'],
    ['labels', [], 'labels'],
    ['labels', '{"model":', 'JSON'],
    ['samples', { correct: true }, 'model'],
    ['samples', 'null', 'object'],
  ])('answer 400 naming what is wrong: %s %j', async (path, body, named) => {
    const response = await post(path, body);
    expect([response.status, response.headers.get('content-type')]).toEqual([400, PROBLEM]);
    expect(((await response.json()) as { detail: string }).detail).toContain(named);
  });

  it('that are wrong on the bus become dead letters; the valid part of their message counts', async () => {
    await logResponse(url, PATH, 'dead-or-alive', [1]);
    const labels = [{ model: 'm' }, { namespace: 'ml', model: 'm', id: 'dead-or-alive', label: 1 }];
    await jetstream(stage.connection).publish('label.observed', JSON.stringify({ labels }));
    const samples = await eventually(
      () => stage.samples('m'),
      (found) => found.some(({ signals }) => signals?.['error'] !== undefined),
    );
    expect(samples).toContainEqual(expect.objectContaining({ id: 'dead-or-alive', signals: { error: 0 } }));
    const dead = await eventually(
      () => stage.stored('DLQ'),
      (letters) => letters.length > 0,
    );
    expect(dead).toMatchObject([{ subject: 'dlq.label.observed', json: { labels } }]);
  });
});
