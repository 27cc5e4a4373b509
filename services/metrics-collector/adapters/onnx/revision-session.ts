import { sha256, type ArtifactStore } from '#artifacts';
import { METHOD, prepareSignals, type Calibration, type ModelFunctions, type PreparedSignals } from '#change-detection';
import {
  compileForward,
  compileLogitGradients,
  parseModel,
  type Executor,
  type LogitGradients,
  type OnnxModel,
} from '#onnx-autodiff';
import { ModelUnavailableError, type RevisionFiles } from '../../domain/examination.js';

/** What is ready to examine rows of one revision. */
export interface RevisionSession {
  model: ModelFunctions;
  calibration: Calibration | null;
  signals: PreparedSignals | null;
  release(): Promise<void>;
}

/** Rows per run: a single row is padded to it, so it must stay small. */
const BATCH = 16;
/** Gradients per run. */
const SEEDS = 2;

/** Reads, checks and compiles the files of a revision. Every failure is a ModelUnavailableError that says which file and why. */
export async function openSession(
  store: ArtifactStore,
  executor: Executor,
  { modelFile, calibration, inputs }: RevisionFiles,
): Promise<RevisionSession> {
  const model = await naming(modelFile.uri, async () => parseModel(await readExactly(store, modelFile)));
  const learnt = calibration && (await naming(calibration.uri, () => readCalibration(store, calibration)));
  const forward = await naming(modelFile.uri, () => compileForward(model, { batch: BATCH, executor }));
  const features = inputs.dims.reduce((product, size) => product * size, 1);
  if (forward.features !== features || forward.classes !== inputs.classes) {
    await forward.release();
    throw new ModelUnavailableError(
      `${modelFile.uri} takes ${forward.features} numbers and tells ${forward.classes} classes apart; the policy's inputs say ${features} and ${inputs.classes}`,
    );
  }
  const gradients = lazily(() => compileGradients(model, executor));
  return {
    model: {
      classes: forward.classes,
      features,
      forward: (x, rows) => forward.run(x, rows),
      gradients: async (x, rows, choose) => (await gradients.get()).run(x, rows, choose),
    },
    calibration: learnt,
    signals: learnt && prepareSignals(learnt),
    release: async () => {
      await forward.release();
      await (await gradients.peek())?.release();
    },
  };
}

const compileGradients = (model: OnnxModel, executor: Executor): Promise<LogitGradients> =>
  compileLogitGradients(model, { batch: BATCH, executor, seeds: SEEDS });

async function readExactly(store: ArtifactStore, file: RevisionFiles['modelFile']): Promise<Uint8Array> {
  const bytes = await store.read(file.uri);
  const found = sha256(bytes);
  if (found !== file.sha256) throw new ModelUnavailableError(`has the SHA-256 ${found}, not ${file.sha256}`);
  return bytes;
}

async function readCalibration(store: ArtifactStore, file: RevisionFiles['modelFile']): Promise<Calibration> {
  const calibration = JSON.parse(Buffer.from(await readExactly(store, file)).toString('utf8')) as { method?: string };
  if (calibration.method === METHOD) return calibration as Calibration;
  throw new ModelUnavailableError(`was made by the method ${calibration.method}; ${METHOD} is needed`);
}

async function naming<T>(uri: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ModelUnavailableError(message.includes(uri) ? message : `${uri}: ${message}`, { cause: error });
  }
}

/** Gradients are compiled with the first suspicion; most revisions never need them. */
function lazily<T>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  return { get: () => (made ??= make()), peek: () => made?.catch(() => undefined) };
}
