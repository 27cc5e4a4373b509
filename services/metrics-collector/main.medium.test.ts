import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { artifactStore } from '#artifacts';
import { startProgram, type NodeProcess } from '#testbed';
import { handMadeCalibration, SIDE } from './testing/calibration.js';
import { randomImages, smallModel, uniformStream } from './testing/images.js';
import { logRequest } from './testing/logger.js';
import { protectionOf } from './testing/protection.js';
import { eventually, Stage } from './testing/stage.js';

/** Needs the built program: `npm test` builds it first. */
const SCRIPT = 'dist/services/metrics-collector/main.js';
const DIMS = [1, SIDE, SIDE];
let folder: string;
let stage: Stage;
let program: NodeProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collector-'));
  stage = await Stage.open();
  program = await startProgram({
    name: 'metrics-collector',
    script: SCRIPT,
    logDir: folder,
    env: { ...stage.nats.environmentOf('metrics-collector'), REDIS_URL: stage.redis.url, ARTIFACTS_DIR: folder },
  });
}, 60_000);
afterAll(async () => {
  await program.kill();
  await stage.close();
  await rm(folder, { recursive: true });
}, 60_000);

describe('the collector process', () => {
  it('examines rows on its thread, and ends with everything published that it had acknowledged', async () => {
    const store = artifactStore({ root: folder });
    const calibration = Buffer.from(JSON.stringify(handMadeCalibration()));
    await stage.publish('protection.updated', {
      ...protectionOf('m', ['r1']),
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
    const images = randomImages(40, uniformStream(2));
    await eventually(
      async () => {
        await logRequest(program.url, 'ml/m?revision=r1', 'warm-up', [images[0]!], DIMS);
        return stage.samples('m');
      },
      (samples) => samples.length > 0,
    );
    for (const [i, image] of images.entries()) {
      await logRequest(program.url, 'ml/m?revision=r1', `q${i}`, [image, image], DIMS);
    }
    await program.kill('SIGTERM');
    const ids = (await stage.samples('m')).map(({ id, row }) => `${id}/${row}`).filter((id) => id.startsWith('q'));
    expect(ids).toEqual(images.flatMap((_, i) => [`q${i}/0`, `q${i}/1`]));
  }, 60_000);

  it('does not start in an environment that does not fit, and names the variables', () => {
    const { status, stderr } = spawnSync(process.execPath, [SCRIPT], {
      env: { PATH: process.env.PATH ?? '', PORT: 'eighty' },
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(/ARTIFACTS_DIR is missing/);
    expect(stderr).toMatch(/PORT/);
  }, 60_000);
});
