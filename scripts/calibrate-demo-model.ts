/** Makes the calibration that comes with the demo's model: `node dist/scripts/calibrate-demo-model.js [file]`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { artifactStore } from '#artifacts';
import { ortExecutor } from '#onnx-autodiff';
import { MODEL, calibrationTable, prepare, terminalView } from '#testbed';
import { calibrate } from '../services/trainer/jobs/calibrate.js';

const file = process.argv[2] ?? 'libs/testbed/models/mnist-cnn.calibration.json';
const folder = mkdtempSync(join(tmpdir(), 'antibody-calibration-'));
try {
  const { artifact, trustedDataset, inputs, threatModel, training } = prepare(folder, { attackEps: 0.1 }).policy('http://127.0.0.1').spec;
  const root = join(folder, 'artifacts');
  const outcome = await calibrate(
    {
      namespace: MODEL.namespace,
      model: MODEL.name,
      jobId: 'demo-calibration',
      defenseId: null,
      modelFile: { uri: artifact!.uri, sha256: artifact!.sha256! },
      dataset: { uri: trustedDataset!.uri, sha256: trustedDataset!.sha256!, shares: trustedDataset!.shares, inputs: inputs! },
      threatModel,
      seed: training.seed,
    },
    {
      store: artifactStore({ root }),
      uriOf: (name) => pathToFileURL(join(root, name)).href,
      executor: ortExecutor({ threads: 2 }),
      trainer: 'script',
      signal: new AbortController().signal,
      clock: () => performance.now(),
    },
  );
  if (outcome.event !== 'calibration.completed') throw new Error('no calibration');
  await copyFile(fileURLToPath(outcome.data.calibration.uri), file);
  calibrationTable(outcome.data.summary, terminalView(process.stdout, () => performance.now()));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
