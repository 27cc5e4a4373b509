import { fitTraining, hardenModel, memoryReport, type CheckpointStore, type TrainingPlan } from '#adversarial';
import type { TrainingRequested } from '#contracts';
import { patchWeights } from '#onnx-autodiff';
import { firstRows, readModel, readParts } from './files.js';
import { checkpointName, replyTo, type Outcome, type TrainingStep } from './job.js';
import type { Tools } from './tools.js';

/** Rows of the validation part that choose the checkpoint: more make each epoch slower, not better. */
const VALIDATION_ROWS = 300;

/** Adversarial training on the training part. The candidate is the same file with other weights; a report lies beside it. */
export async function harden(
  request: TrainingRequested,
  tools: Tools & { /** For the report. */ whyExecutor: string },
  onProgress: (step: TrainingStep) => void,
): Promise<Outcome> {
  const { store, executor, whyExecutor, signal, clock, trainer } = tools;
  const { threatModel, recipe, dataset, jobId } = request;
  const model = await readModel(store, request.modelFile);
  const parts = await readParts(store, dataset);
  const plan: TrainingPlan = {
    recipe,
    threat: { norm: threatModel.norm, epsilon: threatModel.epsilon, range: dataset.inputs.range },
    seed: request.seed,
  };
  const memory = await fitTraining(model, plan, { executor, limit: tools.memoryLeft() });
  const { weights, report } = await hardenModel(
    model,
    parts.training,
    firstRows(parts.validation, VALIDATION_ROWS),
    plan,
    {
      executor,
      rowsAtOnce: memory.rows,
      signal,
      now: clock,
      timeBudgetSeconds: request.timeBudgetSeconds,
      checkpoint: checkpointOf(tools, jobId),
      onProgress: ({ step, totalSteps, epoch, epochs, loss, accuracy, robustAccuracy, etaSeconds }) =>
        onProgress({ step, totalSteps, epoch, epochs, loss, accuracy, robustAccuracy, etaSeconds }),
    },
  );
  const name = `candidates/${encodeURIComponent(jobId)}`;
  const candidate = await store.write(`${name}.onnx`, patchWeights(model, weights));
  const about = {
    jobId,
    trainer,
    engine: { name: executor.name, why: whyExecutor },
    recipe,
    threatModel,
    seed: request.seed,
    from: request.modelFile,
    to: candidate,
    dataset: dataset.sha256,
    memory: memoryReport(memory),
    ...report,
  };
  const { uri } = await store.write(`${name}.report.json`, Buffer.from(`${JSON.stringify(about, null, 2)}\n`));
  return {
    event: 'training.completed',
    data: {
      ...replyTo(request),
      trainer,
      candidate,
      report: uri,
      epochs: report.epochs.length,
      seconds: report.seconds,
    },
  };
}

function checkpointOf({ store, uriOf }: Tools, jobId: string): CheckpointStore {
  const name = checkpointName(jobId);
  return {
    load: async () => ((await store.exists(uriOf(name))) ? store.read(uriOf(name)) : undefined),
    save: async (bytes) => void (await store.write(name, bytes)),
  };
}
