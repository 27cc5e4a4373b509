/** Makes the calibration that comes with the demo's model: `node dist/scripts/calibrate-demo-model.js [file]`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { artifactStore } from '#artifacts';
import type { CalibrationSummary } from '#contracts';
import { ortExecutor } from '#onnx-autodiff';
import { calibrationTable, MODEL, prepare, terminalView } from '#testbed';
import { calibrate } from '../services/trainer/jobs/calibrate.js';

const file = process.argv[2] ?? 'libs/testbed/models/mnist-cnn.calibration.json';
const { file: content, summary } = await calibrateDemoModel();
await writeFile(file, content);
calibrationTable(
  summary,
  terminalView(process.stdout, () => performance.now()),
);

/** Calibrates the demo's model as the trainer does on the demo's first start: the calibration file's content, and its summary. */
async function calibrateDemoModel(): Promise<{ file: Buffer; summary: CalibrationSummary }> {
  const folder = mkdtempSync(join(tmpdir(), 'antibody-calibration-'));
  try {
    const { policy } = prepare(folder, { attackEps: 0.1 });
    const { artifact, trustedDataset, inputs, threatModel, training } = policy('http://127.0.0.1').spec;
    const root = join(folder, 'artifacts');
    rmSync(join(root, 'calibrations'), { recursive: true }); // the one that is there would be found
    const outcome = await calibrate(
      {
        namespace: MODEL.namespace,
        model: MODEL.name,
        jobId: 'demo-calibration',
        defenseId: null,
        modelFile: { uri: artifact!.uri, sha256: artifact!.sha256! },
        dataset: {
          uri: trustedDataset!.uri,
          sha256: trustedDataset!.sha256!,
          shares: trustedDataset!.shares,
          inputs: inputs!,
        },
        threatModel,
        seed: training.seed,
      },
      {
        store: artifactStore({ root }),
        uriOf: (name) => pathToFileURL(join(root, name)).href,
        executor: ortExecutor({ threads: 2 }),
        trainer: 'script',
        memoryLeft: () => Infinity,
        signal: new AbortController().signal,
        clock: () => performance.now(),
      },
    );
    if (outcome.event !== 'calibration.completed') throw new Error(`calibration ended with ${outcome.event}`);
    const { calibration, summary } = outcome.data;
    return { file: await readFile(fileURLToPath(calibration.uri)), summary };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
