import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { artifactStore, sha256 } from '#artifacts';
import { METHOD } from '#change-detection';
import { calibrationName, EVENTS, parser, type CalibrationRequested } from '#contracts';
import type { Executor } from '#onnx-autodiff';
import { calibrate } from './calibrate.js';

const KEPT = readFileSync('libs/testbed/models/mnist-cnn.calibration.json');
const request: CalibrationRequested = {
  namespace: 'demo',
  model: 'mnist',
  jobId: 'calibration-1',
  defenseId: null,
  modelFile: { uri: 'file:///nowhere/model.onnx', sha256: 'a'.repeat(64) },
  dataset: {
    uri: 'file:///nowhere/data.npz',
    sha256: 'd'.repeat(64),
    inputs: { dims: [1, 28, 28], classes: 10, range: [0, 1] },
    shares: { training: 0.7, validation: 0.1, calibration: 0.1, certificate: 0.1 },
  },
  threatModel: { norm: 'linf', epsilon: 0.3, steps: 40, restarts: 10 },
  seed: 1,
};

describe('a calibration', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'antibody-calibrate-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const executor: Executor = {
    compile: () => Promise.reject(new Error('nothing may be computed')),
  } as unknown as Executor;
  const run = (wanted: CalibrationRequested) =>
    calibrate(wanted, {
      store: artifactStore({ root }),
      uriOf: (name) => pathToFileURL(join(root, name)).href,
      executor,
      trainer: 'trainer-1',
      memoryLeft: () => 2 ** 30,
      signal: new AbortController().signal,
      clock: () => 0,
    });

  it('that was made before is found by all it depends on, and told with its numbers', async () => {
    await artifactStore({ root }).write(calibrationName(request, METHOD), KEPT);
    const { event, data } = await run(request);
    expect(event).toBe('calibration.completed');
    const told = parser('calibration.completed', EVENTS['calibration.completed'].schema)(data);
    expect(told).toMatchObject({
      jobId: 'calibration-1',
      calibration: { sha256: sha256(KEPT) },
      summary: { method: METHOD, rows: (JSON.parse(KEPT.toString()) as { rows: number }).rows },
    });
    // Steps and restarts are the evaluation's business.
    expect((await run({ ...request, threatModel: { ...request.threatModel, restarts: 1 } })).event).toBe(event);
  });

  it.each([
    ['model', { modelFile: { ...request.modelFile, sha256: 'b'.repeat(64) } }],
    ['dataset', { dataset: { ...request.dataset, sha256: 'e'.repeat(64) } }],
    ['shares', { dataset: { ...request.dataset, shares: { ...request.dataset.shares, calibration: 0.2 } } }],
    ['radius', { threatModel: { ...request.threatModel, epsilon: 0.2 } }],
    ['seed', { seed: 2 }],
  ])('of another %s is not taken for it', async (_what, other) => {
    await artifactStore({ root }).write(calibrationName(request, METHOD), KEPT);
    await expect(run({ ...request, ...other })).rejects.toThrow(/nowhere|not/);
  });

  it('that cannot be read is made anew', async () => {
    await artifactStore({ root }).write(calibrationName(request, METHOD), KEPT.subarray(0, 100));
    await expect(run(request)).rejects.toThrow(/nowhere|not/);
  });
});
