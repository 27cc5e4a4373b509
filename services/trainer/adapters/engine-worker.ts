import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { InvalidArgumentError, MemoryLimitError, TrainingCollapsedError } from '#adversarial';
import {
  ArtifactNotFoundError,
  ArtifactRefusedError,
  ArtifactTooLargeError,
  DatasetError,
  artifactStore,
} from '#artifacts';
import { CalibrationError } from '#change-detection';
import { memoryBytes, memoryLeft, openEngine } from '#executors';
import { MalformedModelError, UnsupportedModelError } from '#onnx-autodiff';
import { calibrate } from '../jobs/calibrate.js';
import { evaluate } from '../jobs/evaluate.js';
import { WrongBytesError } from '../jobs/files.js';
import { harden } from '../jobs/harden.js';
import type { Job, Outcome } from '../jobs/job.js';
import type { Tools } from '../jobs/tools.js';
import type { EngineData, EngineMessage } from './engine.js';

const PERMANENT = [
  ArtifactNotFoundError,
  ArtifactRefusedError,
  ArtifactTooLargeError,
  CalibrationError,
  DatasetError,
  InvalidArgumentError,
  MalformedModelError,
  MemoryLimitError,
  TrainingCollapsedError,
  UnsupportedModelError,
  WrongBytesError,
];

const port = parentPort!;
const { job, artifactsDir, readableDirs, trainer, threads, engine, memory } = workerData as EngineData;
const say = (message: EngineMessage) => port.postMessage(message);

const abort = new AbortController();
port.on('message', () => abort.abort());

async function run({ kind, request }: Job): Promise<Outcome> {
  const { executor, why } = await openEngine(engine, { threads });
  const tools: Tools = {
    store: artifactStore({ root: artifactsDir, readable: readableDirs }),
    uriOf: (name) => pathToFileURL(join(artifactsDir, name)).href,
    executor,
    trainer,
    memoryLeft: () => memoryLeft(memory === undefined ? undefined : memoryBytes(memory)),
    signal: abort.signal,
    clock: () => performance.now(),
  };
  switch (kind) {
    case 'training':
      return harden(request as Job<'training'>['request'], { ...tools, whyExecutor: why }, (step) =>
        say({ type: 'progress', step }),
      );
    case 'evaluation':
      return evaluate(request as Job<'evaluation'>['request'], tools);
    case 'calibration':
      return calibrate(request as Job<'calibration'>['request'], tools);
  }
}

try {
  say({ type: 'done', outcome: await run(job) });
} catch (error) {
  const { name, message } = error as Error;
  say({ type: 'error', name, message, permanent: PERMANENT.some((kind) => error instanceof kind) });
}
