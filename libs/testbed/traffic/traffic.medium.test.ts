import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { intakeLabels, type Label } from '#contracts';
import { ModelBuilder } from '#onnx-autodiff';
import { modelRepository, openInference } from '#serving';
import { startAttacker } from '../attacker/attacker.js';
import { startPredictor, type Predictor } from '../predictor/server.js';
import { lateLabels } from './late-labels.js';
import { shuffledRows } from './rows.js';
import { startTraffic, type Outcome } from './traffic.js';

const n = 40;
const dims = [6];
const threat = { norm: 'linf', epsilon: 0.2, range: [0, 1] } as const;
const x = Float32Array.from({ length: n * 6 }, (_, i) => ((i * 37) % 101) / 101);
const bytesOf = (seed: number) => new ModelBuilder({ input: dims, seed }).dense(16).relu().dense(3).build();

let folder: string;
let predictor: Predictor;
let cleanUp: (() => unknown)[];

async function modelFile(seed: number): Promise<string> {
  const path = join(folder, `${seed}.onnx`);
  await writeFile(path, bytesOf(seed));
  return pathToFileURL(path).href;
}
const until = async (condition: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 500 && !(await condition()); i++) await new Promise((r) => setTimeout(r, 10));
};
/** Labels are what the model under test says of the clean rows, so that clean accuracy is 1. */
async function labelled() {
  const { classes } = await openInference(predictor.url, 'm', { dims }).infer({ protocol: 'v1', rows: n, x });
  return { x, y: classes, n, dims, classes: 3 };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antibody-traffic-'));
  predictor = await startPredictor({
    host: '127.0.0.1',
    port: 0,
    stateDir: join(folder, 'state'),
    namespace: 'ml',
    first: { model: 'm', revision: 'r1', uri: await modelFile(1) },
    random: () => 0.5,
    clock: () => new Date(0),
  });
  cleanUp = [() => predictor.close()];
});
afterEach(async () => {
  for (const close of cleanUp.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

/** A collector's label intake that fails at first. */
async function labelSink() {
  const got: Label[] = [];
  let refusals = 2;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const refuse = refusals-- > 0;
      if (!refuse) got.push(...intakeLabels(JSON.parse(Buffer.concat(chunks).toString())).valid);
      response.writeHead(refuse ? 503 : 202, { 'content-length': 0 }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => (server.closeAllConnections(), server.close()));
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('traffic', () => {
  it('sends rows under ids that follow each other, and says what became of them', async () => {
    const data = await labelled();
    const outcomes: Outcome[] = [];
    const traffic = startTraffic({
      endpoint: predictor.url,
      model: 'm',
      dims,
      rows: shuffledRows(data, 1),
      ratePerSecond: 500,
      protocol: 'v2',
      idPrefix: 't',
      onOutcome: (outcome) => outcomes.push(outcome),
    });
    await traffic.until(60);
    await traffic.stop();
    const { sent } = traffic.counts;
    expect(traffic.counts).toEqual({ sent, answered: sent, failed: 0, correct: sent });
    expect(new Set(outcomes.map(({ id }) => id))).toEqual(new Set(Array.from({ length: sent }, (_, i) => `t-${i}`)));
    expect(outcomes[0]).toMatchObject({ kind: 'clean', correct: true, revision: 'r1' });
  });

  it('pauses at the rate 0, however long the next request was away, and goes on at the next rate', async () => {
    const data = await labelled();
    const rows = shuffledRows(data, 1);
    const traffic = startTraffic({
      endpoint: predictor.url,
      model: 'm',
      dims,
      rows,
      ratePerSecond: 500,
      idPrefix: 't',
    });
    await traffic.until(10);
    traffic.changeRate(0);
    await traffic.until(traffic.counts.sent);
    const { sent } = traffic.counts;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(traffic.counts.sent).toBe(sent);
    traffic.changeRate(1e-6);
    traffic.changeRate(500);
    await traffic.until(sent + 10);
    await traffic.stop();
    expect(traffic.counts.failed).toBe(0);
  });

  it('counts failures and goes on when the server is away', async () => {
    const data = await labelled();
    const traffic = startTraffic({
      endpoint: 'http://127.0.0.1:9',
      model: 'm',
      dims,
      rows: shuffledRows(data, 1),
      ratePerSecond: 500,
      idPrefix: 't',
    });
    await traffic.until(10);
    await traffic.stop();
    expect(traffic.counts).toMatchObject({ answered: 0, failed: traffic.counts.sent });
  });

  it('posts the labels of a share of the requests, each once even when the collector fails at first', async () => {
    const data = await labelled();
    const sink = await labelSink();
    const labels = lateLabels({ collectorUrl: sink.url, namespace: 'ml', model: 'm', share: 0.5, delayMs: 0, seed: 1 });
    const outcomes: Outcome[] = [];
    const traffic = startTraffic({
      endpoint: predictor.url,
      model: 'm',
      dims,
      rows: shuffledRows(data, 1),
      ratePerSecond: 1000,
      idPrefix: 't',
      labels,
      onOutcome: (outcome) => outcomes.push(outcome),
    });
    await traffic.until(200);
    await traffic.stop();
    await until(async () => (await labels.flush(), labels.counts.posted === sink.got.length && sink.got.length > 50));
    labels.stop();
    expect(new Set(sink.got.map(({ id }) => id)).size).toBe(sink.got.length);
    expect(Math.abs(sink.got.length / outcomes.length - 0.5)).toBeLessThan(0.12); // three standard deviations
    const labelOf = new Map(outcomes.map(({ id, label }) => [id, label]));
    expect(sink.got.every(({ id, label, model, row }) => labelOf.get(id) === label && model === 'm' && row === 0)).toBe(
      true,
    );
  });
});

describe('attacker', () => {
  it('fools the model within the ball, and aims anew when another model serves', async () => {
    const data = await labelled();
    const attack = { name: 'pgd', steps: 5 } as const;
    const attacker = await startAttacker({
      endpoint: predictor.url,
      model: 'm',
      data,
      attack,
      threat,
      fraction: 1,
      seed: 1,
      pollMs: 20,
    });
    cleanUp.push(() => attacker.stop());
    expect(attacker.target.revision).toBe('r1');

    const client = openInference(predictor.url, 'm', { dims });
    const rowsNow = () => {
      const source = attacker.rows(shuffledRows(data, 3));
      return Array.from({ length: n }, () => source.next());
    };
    const accuracy = async (rows: ReturnType<typeof rowsNow>) => {
      let correct = 0;
      for (const row of rows) {
        const { classes } = await client.infer({ protocol: 'v1', rows: 1, x: row.x });
        if (classes[0] === row.label) correct++;
      }
      return correct / rows.length;
    };
    const before = rowsNow();
    for (const row of before) {
      const clean = data.x.subarray(row.index * 6, row.index * 6 + 6);
      expect(row.kind).toBe('attack');
      row.x.forEach((value, i) => {
        expect(Math.abs(value - clean[i]!)).toBeLessThanOrEqual(threat.epsilon + 1e-6);
        expect(value >= 0 && value <= 1).toBe(true);
      });
    }
    expect(await accuracy(before)).toBeLessThan(0.6); // clean: 1

    const repository = modelRepository(predictor.url, 'm');
    await repository.load('r2', await modelFile(2));
    await until(async () => (await repository.index()).every(({ state }) => state === 'READY'));
    await repository.setTraffic({ r1: 60, r2: 40 });
    await new Promise((r) => setTimeout(r, 100));
    expect(attacker.target.revision).toBe('r1'); // still serves most
    await repository.setTraffic({ r2: 100 });
    await until(() => attacker.target.revision === 'r2');
    expect(attacker.target.revision).toBe('r2');
    expect(rowsNow().map(({ x }) => x)).not.toEqual(before.map(({ x }) => x));
  });

  it('attacks the asked share and leaves the rest alone', async () => {
    const data = await labelled();
    const attacker = await startAttacker({
      endpoint: predictor.url,
      model: 'm',
      data,
      attack: { name: 'fgsm' },
      threat,
      fraction: 0.25,
      seed: 1,
    });
    cleanUp.push(() => attacker.stop());
    const source = attacker.rows(shuffledRows(data, 3));
    const rows = Array.from({ length: 400 }, () => source.next());
    const attackedShare = rows.filter(({ kind }) => kind === 'attack').length / 400;
    expect(Math.abs(attackedShare - 0.25)).toBeLessThan(0.07); // three standard deviations
    const clean = rows.find(({ kind }) => kind === 'clean')!;
    expect(clean.x).toEqual(data.x.subarray(clean.index * 6, clean.index * 6 + 6));
  });
});
