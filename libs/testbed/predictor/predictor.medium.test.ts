import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sha256 } from '#artifacts';
import { ModelBuilder } from '#onnx-autodiff';
import {
  encodeRequest,
  modelRepository,
  openInference,
  parseLoggerEvent,
  requestRows,
  responseClasses,
  type LoggerEvent,
} from '#serving';
import { startPredictor, type Predictor, type PredictorOptions } from './server.js';

const inputs = { dims: [4] };
const x = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0); // three rows
const bytesOf = (seed: number) => new ModelBuilder({ input: [4], seed }).dense(8).relu().dense(3).build();

let folder: string;
let running: { close(): Promise<void> }[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antibody-predictor-'));
  running = [];
});
afterEach(async () => {
  for (const one of running) await one.close();
  await rm(folder, { recursive: true, force: true });
});

async function modelFile(seed: number): Promise<string> {
  const path = join(folder, `${seed}.onnx`);
  await writeFile(path, bytesOf(seed));
  return pathToFileURL(path).href;
}

async function predictor(over: Partial<PredictorOptions> = {}): Promise<Predictor> {
  let at = 0;
  const started = await startPredictor({
    host: '127.0.0.1',
    port: 0,
    stateDir: join(folder, 'state'),
    namespace: 'ml',
    first: { model: 'iris', revision: 'r1', uri: await modelFile(1) },
    random: () => (at = (at + 0.37) % 1), // visits [0, 1) evenly
    clock: () => new Date('2026-11-25T00:00:00Z'),
    ...over,
  });
  running.push(started);
  return started;
}

const until = async (condition: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 300 && !(await condition()); i++) await new Promise((r) => setTimeout(r, 10));
};

/** A collector that keeps what it gets and answers as told. */
async function collector(answer: () => number = () => 200) {
  const events: { url: string; event: LoggerEvent }[] = [];
  const sockets = new Set<unknown>();
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    sockets.add(request.socket);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      events.push({ url: request.url!, event: parseLoggerEvent(request.headers, Buffer.concat(chunks)) });
      response.writeHead(answer(), { 'content-length': 0 }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.push({
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, events, sockets };
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

describe('predictor', () => {
  it('answers V1 and V2 alike, and says which revision did', async () => {
    const { url } = await predictor();
    const client = openInference(url, 'iris', inputs);
    const v1 = await client.infer({ protocol: 'v1', rows: 3, x });
    const v2 = await client.infer({ protocol: 'v2', id: 'a', rows: 3, x });
    expect(v1.revision).toBe('r1');
    expect(v2).toEqual(v1);
  });

  it('logs both halves of an inference under one id, by revision', async () => {
    const sink = await collector();
    const { url, payloads } = await predictor({ collectorUrl: sink.url, loggedHeaders: ['X-User-Id'] });
    const { classes } = await openInference(url, 'iris', inputs).infer(
      { protocol: 'v1', rows: 3, x },
      { ceId: 'my-1', headers: { 'x-user-id': 'u1' } },
    );
    await until(() => payloads.sent === 2);
    const half = (name: string) => sink.events.find(({ event }) => event.half === name)!;
    expect(sink.events.map((e) => e.url)).toEqual(Array(2).fill('/v1/ingest/ml/iris?revision=r1'));
    expect(sink.events.map((e) => e.event.id)).toEqual(['my-1', 'my-1']);
    expect(half('request').event).toMatchObject({ namespace: 'ml', inferenceService: 'iris', component: 'predictor' });
    expect(half('request').event.metadata.get('x-user-id')).toEqual(['u1']);
    expect(requestRows(half('request').event.body, inputs)?.x).toEqual(x);
    expect(responseClasses(half('response').event.body)?.classes).toEqual(classes);
  });

  it('gives each inference without an id one of its own, and logs only the request when it fails', async () => {
    const sink = await collector();
    const { url, payloads } = await predictor({ collectorUrl: sink.url });
    const post = (body: string) => fetch(`${url}/v1/models/iris:predict`, { method: 'POST', body });
    await post('{"instances":[[1,2,3,4]]}');
    const broken = await post('{"instances":[[1,2,3]]}');
    expect([broken.status, await broken.json()]).toEqual([
      400,
      { error: expect.stringContaining('instances') as unknown },
    ]);
    await until(() => payloads.sent === 3);
    expect(sink.events.map(({ event }) => event.half).sort()).toEqual(['request', 'request', 'response']);
    expect(new Set(sink.events.map(({ event }) => event.id)).size).toBe(2);
  });

  it('keeps serving when the collector refuses, hangs or is not there, and counts every loss', async () => {
    const sink = await collector(() => 503);
    const refusing = await predictor({ collectorUrl: sink.url });
    const client = openInference(refusing.url, 'iris', inputs);
    for (let i = 0; i < 10; i++) await client.infer({ protocol: 'v1', rows: 3, x });
    await until(() => refusing.payloads.lostUndelivered === 20);
    expect(refusing.payloads).toEqual({ sent: 0, lostQueueFull: 0, lostUndelivered: 20 });
    expect(sink.sockets.size).toBeLessThanOrEqual(5); // connections are kept

    const hanging = createServer(() => undefined).listen(0, '127.0.0.1');
    await until(() => hanging.listening);
    running.push({ close: () => new Promise<void>((r) => (hanging.close(() => r()), hanging.closeAllConnections())) });
    const hangingUrl = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const blocked = await predictor({ collectorUrl: hangingUrl, stateDir: join(folder, 'other') });
    const other = openInference(blocked.url, 'iris', inputs);
    for (let i = 0; i < 60; i++) await other.infer({ protocol: 'v1', rows: 3, x });
    expect(blocked.payloads.lostQueueFull).toBe(120 - 100 - 5); // 100 wait, 5 are under way
    hanging.closeAllConnections();
  });

  it('loads a second revision without traffic, splits, and takes it away again', async () => {
    const { url } = await predictor();
    const repository = modelRepository(url, 'iris');
    await repository.load('r2', await modelFile(2));
    await until(async () => (await repository.index()).every(({ state }) => state === 'READY'));
    expect(await repository.traffic()).toEqual({ r1: 100 });
    expect((await repository.index()).find(({ version }) => version === 'r2')?.sha256).toBe(sha256(bytesOf(2)));

    await repository.setTraffic({ r1: 75, r2: 25 });
    const client = openInference(url, 'iris', inputs);
    const served: Record<string, number> = {};
    for (let i = 0; i < 100; i++) {
      const { revision } = await client.infer({ protocol: 'v1', rows: 1, x: x.subarray(0, 4) });
      served[revision!] = (served[revision!] ?? 0) + 1;
    }
    expect(served).toEqual({ r1: 75, r2: 25 });

    expect(await errorOf(repository.unload('r2'))).toMatch(/r2 of iris has 25 %/);
    await repository.setTraffic({ r1: 100, r2: 0 });
    await repository.unload('r2');
    await repository.unload('r2'); // once more changes nothing
    expect((await repository.index()).map(({ version }) => version)).toEqual(['r1']);
    expect(await repository.traffic()).toEqual({ r1: 100 });
  });

  it('answers for a named revision without traffic', async () => {
    const { url } = await predictor();
    const repository = modelRepository(url, 'iris');
    await repository.load('r2', await modelFile(2));
    await until(async () => (await fetch(`${url}/v2/models/iris/versions/r2/ready`)).ok);
    const body = encodeRequest({ protocol: 'v2', rows: 3, x }, inputs);
    const answer = await fetch(`${url}/v2/models/iris/versions/r2/infer`, { method: 'POST', body });
    expect([
      answer.headers.get('x-revision'),
      ((await answer.json()) as { model_version: string }).model_version,
    ]).toEqual(['r2', 'r2']);
  });

  it('says why a revision cannot be loaded, and takes a better file in its place', async () => {
    const { url } = await predictor();
    const repository = modelRepository(url, 'iris');
    const broken = pathToFileURL(join(folder, 'broken.onnx')).href;
    await writeFile(join(folder, 'broken.onnx'), 'not a model');
    const state = async () => (await repository.index()).find(({ version }) => version === 'r2')!;
    await repository.load('r2', broken);
    await until(async () => (await state()).state === 'UNAVAILABLE');
    expect((await state()).reason).not.toBe('');
    expect(await errorOf(repository.setTraffic({ r1: 50, r2: 50 }))).toMatch(/r2 is not ready/);
    await repository.load('r2', await modelFile(2));
    await until(async () => (await state()).state === 'READY');
    expect(await errorOf(repository.load('r2', await modelFile(3)))).toMatch(/409.*choose another name/);
  });

  it('keeps revisions and traffic over a restart', async () => {
    const first = await predictor();
    const repository = modelRepository(first.url, 'iris');
    await repository.load('r2', await modelFile(2));
    await until(async () => (await repository.index()).every(({ state }) => state === 'READY'));
    await repository.setTraffic({ r1: 40, r2: 60 });
    await running.pop()!.close();

    const second = await predictor();
    const again = modelRepository(second.url, 'iris');
    expect(await again.traffic()).toEqual({ r1: 40, r2: 60 });
    expect((await again.index()).map(({ version, state }) => [version, state])).toEqual([
      ['r1', 'READY'],
      ['r2', 'READY'],
    ]);
  });

  it.each<[string, string, string, string | undefined, number]>([
    ['an unknown path', 'GET', '/nothing', undefined, 404],
    ['an unknown model', 'POST', '/v1/models/other:predict', '{"instances":[[1,2,3,4]]}', 404],
    ['the wrong method', 'GET', '/v1/models/iris:predict', undefined, 405],
    ['no inference', 'POST', '/v2/models/iris/infer', '{"a":1}', 400],
    ['parameters of the wrong type', 'POST', '/v2/repository/models/iris/load', '{"parameters":{"revision":7}}', 400],
    [
      'a revision that would leave its place',
      'POST',
      '/v2/repository/models/iris/load',
      '{"parameters":{"revision":"../x"}}',
      400,
    ],
    ['shares that do not add up', 'POST', '/v2/repository/models/iris/traffic', '{"r1":90}', 409],
    ['a share for nobody', 'POST', '/v2/repository/models/iris/traffic', '{"r9":100}', 409],
    ['a broken body', 'POST', '/v2/repository/models/iris/traffic', '{', 400],
  ])('refuses %s', async (_, method, path, body, status) => {
    const { url } = await predictor();
    const answer = await fetch(url + path, { method, body });
    expect([answer.status, typeof ((await answer.json()) as { error: unknown }).error]).toEqual([status, 'string']);
  });
});
