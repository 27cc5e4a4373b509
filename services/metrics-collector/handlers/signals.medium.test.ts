import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { artifactStore } from '#artifacts';
import type { ProtectedRevision, Sample } from '#contracts';
import { ortExecutor } from '#onnx-autodiff';
import { OnnxExaminer } from '../adapters/onnx/onnx-examiner.js';
import { handMadeCalibration, SIDE } from '../testing/calibration.js';
import { randomImages, smallModel, uniformStream } from '../testing/images.js';
import { logRequest, logResponse } from '../testing/logger.js';
import { protectionOf } from '../testing/protection.js';
import { eventually, Stage } from '../testing/stage.js';

const ROWS = 60;
const DIMS = [1, SIDE, SIDE];
const images = randomImages(ROWS, uniformStream(11));
let folder: string;
let stage: Stage;
let files: Pick<ProtectedRevision, 'modelFile' | 'calibration'>;
let replicas: string[];
let session: InferenceSession;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collector-'));
  const store = artifactStore({ root: folder });
  const calibration = Buffer.from(JSON.stringify(handMadeCalibration()));
  files = {
    modelFile: await store.write('model.onnx', smallModel()),
    calibration: await store.write('calibration.json', calibration),
  };
  session = await InferenceSession.create(smallModel());
  stage = await Stage.open();
  const examiner = () => new OnnxExaminer(store, ortExecutor({ threads: 1 }), Date.now);
  replicas = [await stage.collector(examiner()), await stage.collector(examiner())];
  for (const model of ['one', 'two', 'fast']) await protect(model);
  await protect('gone', { modelFile: { uri: `${files.modelFile!.uri}.gone`, sha256: 'a'.repeat(64) } });
  await protect('changed', { modelFile: { ...files.modelFile!, sha256: 'b'.repeat(64) } });
}, 60_000);
afterAll(async () => {
  await stage.close();
  await rm(folder, { recursive: true });
}, 60_000);

function protect(model: string, others: Partial<ProtectedRevision> = {}, maxExaminedPerSecond = 100_000) {
  const protection = protectionOf(model, ['r1']);
  return stage.publish('protection.updated', {
    ...protection,
    inputs: { dims: DIMS, classes: 3, range: [0, 1] },
    detection: { ...protection.detection, maxExaminedPerSecond },
    revisions: [{ ...protection.revisions[0]!, ...files, ...others }],
  });
}

async function answerOf(image: Float32Array): Promise<number> {
  const { logits } = await session.run({ input: new Tensor('float32', image, [1, ...DIMS]) });
  const scores = [...(logits!.data as Float32Array)];
  return scores.indexOf(Math.max(...scores));
}

const watched = (model: string) =>
  eventually(
    async () => Promise.all(replicas.map(async (url) => (await fetch(`${url}/metrics`)).text())),
    (all) => all.every((text) => text.includes(`antibody_collector_watched{namespace="ml",model="${model}"`)),
  );
const labelFree = (samples: Sample[]) => samples.filter(({ signals }) => signals && !('mismatch' in signals));
const mismatches = (samples: Sample[]) => samples.filter(({ signals }) => signals && 'mismatch' in signals);
const ordered = (samples: Sample[]) =>
  samples
    .map(({ id, row, signals, revision, calibration, share }) => ({ id, row, signals, revision, calibration, share }))
    .sort((a, b) => (a.id! < b.id! ? -1 : 1));

describe('signals', () => {
  it('are the same from two replicas behind a round-robin as from one, and so is what the halves say together', async () => {
    const ends = (await Promise.all(['one', 'two'].map(watched))).length;
    expect(ends).toBe(2);
    for (const [i, image] of images.entries()) {
      const answer = await answerOf(image);
      const shown = i % 10 === 0 ? (answer + 1) % 3 : answer; // every tenth answer is not the model's
      const send = async (model: string, forRequest: string, forResponse: string) => {
        await Promise.all([
          logRequest(forRequest, `ml/${model}?revision=r1`, `id-${i}`, [image], DIMS),
          logResponse(forResponse, `ml/${model}?revision=r1`, `id-${i}`, [shown]),
        ]);
      };
      await send('one', replicas[0]!, replicas[0]!);
      await send('two', replicas[i % 2]!, replicas[(i + 1) % 2]!);
    }
    const complete = (model: string) =>
      eventually(
        () => stage.samples(model),
        (samples) => labelFree(samples).length >= ROWS && mismatches(samples).length >= ROWS,
      );
    const [one, two] = [await complete('one'), await complete('two')];
    expect([labelFree(one).length, mismatches(one).length]).toEqual([ROWS, ROWS]);
    expect(ordered(labelFree(two))).toEqual(ordered(labelFree(one)));
    expect(ordered(mismatches(two))).toEqual(ordered(mismatches(one)));

    const wrong = mismatches(two).filter(({ signals }) => signals!['mismatch'] === 1);
    expect(wrong.map(({ id }) => id).sort()).toEqual(['id-0', 'id-10', 'id-20', 'id-30', 'id-40', 'id-50']);
    // The test would see nothing if the signals were constant.
    for (const name of ['lowConfidence', 'squeeze', 'bandEnergy']) {
      const flagged = labelFree(one).filter(({ signals }) => signals![name] === 1).length;
      expect([flagged > 0, flagged < ROWS]).toEqual([true, true]);
    }
    expect(one[0]).toMatchObject({ revision: 'r1', calibration: files.calibration!.sha256 });
  }, 60_000);

  it('of one replica leave in the order of its requests', async () => {
    await watched('fast');
    for (const [i, image] of images.entries()) {
      await logRequest(replicas[0]!, 'ml/fast?revision=r1', `f-${i}`, [image, images[0]!], DIMS);
    }
    const samples = await eventually(
      () => stage.samples('fast'),
      (found) => found.length >= 2 * ROWS,
    );
    expect(samples.map(({ id, row }) => `${id}/${row}`)).toEqual(images.flatMap((_, i) => [`f-${i}/0`, `f-${i}/1`]));
    expect(samples.some(({ share }) => share !== undefined)).toBe(false);
  }, 60_000);

  it('are missing, visibly, where a file is not there or not the one that was promised', async () => {
    for (const model of ['gone', 'changed']) {
      const failed = `antibody_collector_watched{namespace="ml",model="${model}",revision="r1",watch="failed"} 1`;
      const metrics = await eventually(
        async () => (await fetch(`${replicas[0]}/metrics`)).text(),
        (text) => text.includes(failed),
      );
      expect(metrics).toContain(failed);
      await logRequest(replicas[0]!, `ml/${model}?revision=r1`, 'x', [images[0]!], DIMS);
    }
    const metrics = await eventually(
      async () => (await fetch(`${replicas[0]}/metrics`)).text(),
      (text) => text.includes('antibody_collector_lost_total{reason="model-unavailable"} 2'),
    );
    expect(metrics).toContain('antibody_collector_lost_total{reason="model-unavailable"} 2');
  }, 30_000);

  it('come from a share of the rows above the limit, and say which', async () => {
    const rows = async () => {
      const text = await (await fetch(`${replicas[0]}/metrics`)).text();
      const of = (outcome: string) =>
        Number(new RegExp(`antibody_collector_rows_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
      return { examined: of('examined'), passedOver: of('passed-over') };
    };
    await protect('limited', {}, 150);
    await watched('limited');
    const before = await rows();
    for (let i = 0; i < 40; i++) {
      await logRequest(replicas[0]!, 'ml/limited?revision=r1', `l-${i}`, images.slice(0, 10), DIMS);
      await sleep(50); // the share is known from the second before
    }
    const after = await eventually(
      rows,
      (now) => now.examined + now.passedOver - before.examined - before.passedOver >= 400,
    );
    const examined = after.examined - before.examined;
    expect(examined).toBeLessThan(400);
    expect(examined + after.passedOver - before.passedOver).toBe(400);
    const samples = await eventually(
      () => stage.samples('limited'),
      (found) => found.length >= examined,
    );
    expect(samples).toHaveLength(examined);
    expect(samples.some(({ share }) => share !== undefined && share > 0 && share < 1)).toBe(true);
  }, 30_000);
});
