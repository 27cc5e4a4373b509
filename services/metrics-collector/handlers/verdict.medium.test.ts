import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream } from '@nats-io/jetstream';
import { Redis } from 'ioredis';
import { artifactStore, type ArtifactStore } from '#artifacts';
import { STREAMS, type EventData } from '#contracts';
import { ortExecutor } from '#onnx-autodiff';
import { OnnxExaminer } from '../adapters/onnx/onnx-examiner.js';
import { handMadeCalibration, SIDE } from '../testing/calibration.js';
import { randomImages, smallModel, uniformStream } from '../testing/images.js';
import { logRequest } from '../testing/logger.js';
import { protectionOf } from '../testing/protection.js';
import { eventually, Stage } from '../testing/stage.js';

const DIMS = [1, SIDE, SIDE];
const MODEL = { namespace: 'ml', model: 'digits' };
const images = randomImages(80, uniformStream(3));
const opened: EventData<'anomaly.raised'> = {
  ...MODEL,
  revision: 'r1',
  anomalyId: 'anomaly-1',
  calibration: null,
  openedAt: '2026-01-01T00:00:00Z',
  budget: 1000,
  statistic: 1000,
  signals: [],
  examined: 10,
  trigger: null,
  examples: [],
  tests: ['aim', 'gated', 'labelled'],
  groupSize: 4,
  labelDeadlineSeconds: 600,
};
let folder: string;
let store: ArtifactStore;
let stage: Stage;
let one: string;
let other: string;
let sent = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collector-'));
  store = artifactStore({ root: folder });
  stage = await Stage.open();
  const examiner = () => new OnnxExaminer(store, ortExecutor({ threads: 1 }), Date.now);
  [one, other] = [await stage.collector(examiner()), await stage.collector(examiner())];
  const protection = protectionOf('digits', ['r1']);
  const calibration = Buffer.from(JSON.stringify(handMadeCalibration()));
  await stage.publish('protection.updated', {
    ...protection,
    inputs: { dims: DIMS, classes: 3, range: [0, 1] },
    revisions: [
      {
        revision: 'r1',
        modelFile: await store.write('model.onnx', smallModel()),
        calibration: await store.write('calibration.json', calibration),
        certified: false,
      },
    ],
  });
  await eventually(
    async () => {
      for (const url of [one, other]) await log(url, 1);
      return (await stage.samples('digits')).length;
    },
    (count) => count > 1,
  );
}, 60_000);
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
}, 60_000);

async function log(url: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const id = `q${sent++}`;
    ids.push(id);
    await logRequest(url, 'ml/digits?revision=r1', id, [images[sent % images.length]!], DIMS);
  }
  return ids;
}

const aimSamples = (count: number) =>
  eventually(
    () => stage.dataOf('aim.sample', 'digits'),
    (found) => found.length >= count,
  );
const of = (found: EventData<'aim.sample'>[], test: string, ids: string[]) =>
  found.filter((sample) => sample.test === test && sample.members.every(({ id }) => ids.includes(id)));

describe('while an anomaly is open', () => {
  it('nothing of the verdict is computed before it opens', async () => {
    const ids = await log(one, 10);
    await eventually(
      () => stage.samples('digits'),
      (found) => found.some(({ id }) => id === ids.at(-1)),
    );
    expect(await stage.dataOf('aim.sample', 'digits')).toEqual([]);
  });

  it('each replica announces its own pairs and groups, and labels find them at any replica', async () => {
    await stage.publish('anomaly.raised', opened);
    await eventually(
      async () => {
        for (const url of [one, other]) await log(url, 4);
        const groups = (await stage.dataOf('aim.sample', 'digits')).map(({ group }) => group.split('-')[0]);
        return new Set(groups).size;
      },
      (replicas) => replicas === 2,
    );
    const [mine, theirs] = [await log(one, 16), await log(other, 16)];
    const found = await eventually(
      () => stage.dataOf('aim.sample', 'digits'),
      (all) => [mine, theirs].every((ids) => of(all, 'labelled', ids).length >= 3 && of(all, 'aim', ids).length >= 7),
    );
    for (const ids of [mine, theirs]) {
      const pairs = of(found, 'aim', ids);
      expect(pairs.length).toBeGreaterThanOrEqual(7);
      for (const { members, T, anomalyId, revision } of pairs) {
        expect([anomalyId, revision]).toEqual(['anomaly-1', 'r1']);
        expect(ids.indexOf(members[1]!.id)).toBe(ids.indexOf(members[0]!.id) + 1);
        expect([T!.abs.length, T!.maxabs.length]).toEqual([4, 4]);
        expect(T!.maxabs.every((t, i) => t >= T!.abs[i]!)).toBe(true);
      }
      for (const { members } of of(found, 'labelled', ids)) expect(members).toHaveLength(4);
    }
    expect(found.some(({ test }) => test === 'gated')).toBe(true);
    expect(new Set(found.map(({ group }) => group)).size).toBe(found.length);
    for (const test of ['aim', 'gated', 'labelled']) {
      const used = found.filter((sample) => sample.test === test).flatMap(({ members }) => members.map(({ id }) => id));
      expect(new Set(used).size).toBe(used.length);
    }

    const group = of(found, 'labelled', mine)[0]!;
    const label = (member: number, value: number) => ({ ...MODEL, id: group.members[member]!.id, label: value });
    await fetch(`${other}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([label(0, 2), label(3, 0), label(0, 1), label(1, 77)]),
    });
    const labels = await eventually(
      () => stage.dataOf('aim.label', 'digits'),
      (all) => all.length >= 2,
    );
    expect(labels.map((one) => [one.group, one.member])).toEqual([
      [group.group, 0],
      [group.group, 3],
    ]);
    for (const { T } of labels) expect([T.near.length, T.max.length]).toEqual([4, 4]);
    const order = (await stage.stored('SAMPLES')).map(({ messageId }) => messageId);
    const announced = order.findIndex((id) => id.endsWith(`/labelled/${group.group}`));
    expect(announced).toBeGreaterThan(-1);
    expect(order.findIndex((id) => id.includes(`aim-label:anomaly-1/${group.group}/`))).toBeGreaterThan(announced);
  }, 60_000);

  it('a label that came before its group was full counts all the same', async () => {
    const [id] = await log(one, 1);
    await fetch(`${one}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...MODEL, id, label: 1 }),
    });
    await log(one, 8);
    const found = await eventually(
      async () => {
        const groups = await stage.dataOf('aim.sample', 'digits');
        const group = groups.find(({ test, members }) => test === 'labelled' && members.some((m) => m.id === id));
        const labels = await stage.dataOf('aim.label', 'digits');
        return labels.filter((label) => label.group === group?.group);
      },
      (labels) => labels.length > 0,
    );
    expect(found).toHaveLength(1);
  }, 30_000);

  it('no inputs are stored: what waits for labels is numbers', async () => {
    const redis = new Redis(stage.redis.url);
    const keys = await redis.keys('collector:member:*');
    expect(keys.length).toBeGreaterThan(8);
    for (const key of keys) {
      const { tables, ...others } = JSON.parse((await redis.get(key))!) as {
        tables: { near: number[]; max: number[] }[];
      };
      expect(Object.keys(others).sort()).toEqual(['anomalyId', 'group', 'labelDeadlineSeconds', 'member', 'revision']);
      // One number for each class, member of the group and statistic; an image has 64.
      expect(tables.map(({ near, max }) => [near.length, max.length])).toEqual(Array(3).fill([4, 4]));
      expect(await redis.ttl(key)).toBeLessThanOrEqual(600);
    }
    redis.disconnect();
  });

  /** What a collector says of requests that only it has seen. */
  async function groupsOfANewCollector() {
    const late = await stage.collector(new OnnxExaminer(store, ortExecutor({ threads: 1 }), Date.now));
    const ids = await log(late, 8);
    return eventually(
      async () => (await stage.dataOf('aim.sample', 'digits')).filter(({ members }) => ids.includes(members[0]!.id)),
      (found) => found.length > 0,
    );
  }

  it('a collector that starts later knows of it, although the last event is about another revision', async () => {
    const canary = { ...opened, revision: 'r2', anomalyId: 'anomaly-2' };
    await stage.publish('anomaly.raised', canary);
    const { revision, anomalyId } = canary;
    const closedAt = '2026-01-01T00:30:00Z';
    await stage.publish('anomaly.closed', { ...MODEL, revision, anomalyId, closedAt, reason: 'quiet', verdict: null });
    expect((await groupsOfANewCollector())[0]).toMatchObject({ revision: 'r1', anomalyId: 'anomaly-1' });
  }, 60_000);

  it('a collector that starts much later knows of it, however much others have said since', async () => {
    const { maxBytes } = STREAMS.find(({ name }) => name === 'EVENTS')!;
    const padding = 'x'.repeat(256 * 1024);
    // Windows of one model, and another one that is never quiet: more than the stream can hold.
    const js = jetstream(stage.connection);
    for (let bytes = 0; bytes < 1.1 * maxBytes; bytes += 2 * padding.length) {
      await js.publish('accuracy.window.ml.other', padding);
      await js.publish('defense.changed.ml.loud', padding);
    }
    expect((await groupsOfANewCollector())[0]).toMatchObject({ revision: 'r1', anomalyId: 'anomaly-1' });
  }, 120_000);

  it('it ends when the anomaly closes', async () => {
    await stage.publish('anomaly.closed', {
      ...MODEL,
      revision: 'r1',
      anomalyId: 'anomaly-1',
      closedAt: '2026-01-01T01:00:00Z',
      reason: 'quiet',
      verdict: null,
    });
    // Until the closing has arrived groups go on; then a whole batch of rows brings none.
    const quiet = await eventually(
      async () => {
        const ids = await log(one, 8);
        await eventually(
          () => stage.samples('digits'),
          (all) => all.some((sample) => sample.id === ids.at(-1)),
        );
        const found = await aimSamples(0);
        return found.filter(({ members }) => members.some(({ id }) => ids.includes(id))).length;
      },
      (count) => count === 0,
    );
    expect(quiet).toBe(0);
  }, 60_000);
});
