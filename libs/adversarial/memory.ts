import { type Executor, loadClassifier, type OnnxModel, peakBytes } from '#onnx-autodiff';

import { compileAttackOn, attackLowering } from './attackGraph.js';
import { MemoryLimitError } from './errors.js';
import type { TrainingPlan } from './plan.js';
import { compileSplitTraining } from './splitTraining.js';
import { compileTraining } from './trainingGraph.js';

const MEBIBYTE = 2 ** 20;

/** How many rows are computed at once, and what that takes. */
export interface MemoryFit {
  rows: number;
  /** Rows of the whole batch. */
  wanted: number;
  /** Predicted, over what the process takes already; of `rows` and of `wanted`. */
  bytes: number;
  wantedBytes: number;
  limit: number;
}

/** The largest equal parts of a training batch whose steps, and validation, take at most `limit` bytes. */
export async function fitTraining(
  model: OnnxModel,
  { recipe, threat: { norm, range } }: TrainingPlan,
  { executor, limit }: { executor: Executor; limit: number },
): Promise<MemoryFit> {
  const { batchSize } = recipe;
  const parts = Array.from({ length: batchSize }, (_, i) => i + 1).filter((count) => batchSize % count === 0);
  const whole = batchSize;
  const fit = await largestFit(
    parts.map((count) => batchSize / count),
    limit,
    async (rows) => {
      const classifier = await loadClassifier(model, { batch: rows, executor, lowering: 'fast' });
      return bytesOf(executor, async (dry) => {
        const compile = rows === whole ? compileTraining : compileSplitTraining(batchSize / rows);
        await compile(classifier, { executor: dry, recipe, norm, range });
        await compileAttackOn(classifier, { executor: dry, norm, batch: rows }, () => ({}));
      });
    },
  );
  const statistics = recipe.batchStatistics && model.statistics.length > 0;
  if (statistics && fit.rows < batchSize)
    throw new MemoryLimitError(
      `batches of ${batchSize} rows ${comparison(fit.wantedBytes, limit)}, and batch statistics need the whole batch at once: ` +
        `take batches of ${fit.rows}, or give more memory`,
    );
  return fit;
}

/** As fast a row as larger batches, and the last, incomplete one wastes less. */
const ATTACK_BATCH = 64;

/** Of attacks that are compiled at the same time: on cross-entropy and on the margin. */
const SESSIONS = 2;

/** As many of the `rows`, a batch at most, as attacks can take at a time. */
export async function fitAttack(
  model: OnnxModel,
  { executor, norm, rows: all, limit }: AttackMemory,
): Promise<MemoryFit> {
  const wanted = Math.min(ATTACK_BATCH, all);
  const halves = Array.from({ length: Math.floor(Math.log2(wanted)) + 1 }, (_, i) => Math.floor(wanted / 2 ** i));
  return largestFit(halves, limit, async (rows) => {
    const classifier = await loadClassifier(model, { batch: rows, executor, lowering: attackLowering(model) });
    const bytes = await bytesOf(executor, (dry) => compileAttackOn(classifier, { executor: dry, norm, batch: rows }));
    return SESSIONS * bytes;
  });
}

/** Undefined where the whole batch fits. */
const splitReason = ({ rows, wanted, wantedBytes, limit }: MemoryFit): string | undefined =>
  rows === wanted ? undefined : `${rows} of ${wanted} rows at a time: all at once ${comparison(wantedBytes, limit)}`;

export interface MemoryReport {
  rowsAtOnce: number;
  batch: number;
  predictedMiB: number;
  limitMiB: number;
  /** Why a batch is split; null where it is not. */
  split: string | null;
}

export const memoryReport = (fit: MemoryFit): MemoryReport => ({
  rowsAtOnce: fit.rows,
  batch: fit.wanted,
  predictedMiB: Math.ceil(fit.bytes / MEBIBYTE),
  limitMiB: Math.floor(fit.limit / MEBIBYTE),
  split: splitReason(fit) ?? null,
});

export interface AttackMemory {
  executor: Executor;
  norm: TrainingPlan['threat']['norm'];
  rows: number;
  limit: number;
}

/**
 * Of `candidates`, in falling order. Those that need twice the limit by the straight line through one and two rows are not even
 * loaded, which takes a forward pass; faster lowerings, for more rows, may need more or less than the line says.
 */
async function largestFit(
  candidates: readonly number[],
  limit: number,
  bytesAt: (rows: number) => Promise<number>,
): Promise<MemoryFit> {
  const [wanted = 1] = candidates;
  const one = await bytesAt(1);
  if (one > limit) throw new MemoryLimitError(`even one row at a time ${comparison(one, limit)}: give more memory`);
  // The tensors that do not depend on rows count once: so many rows need less than so many times one.
  const perRow = wanted * one <= limit ? one : (await bytesAt(2)) - one;
  const line = (rows: number) => one + (rows - 1) * perRow;
  let wantedBytes = line(wanted);
  for (const rows of candidates) {
    if (line(rows) > 2 * limit) continue;
    const bytes = rows === 1 ? one : await bytesAt(rows);
    if (rows === wanted) wantedBytes = bytes;
    if (bytes <= limit) return { rows, wanted, bytes, wantedBytes, limit };
  }
  return { rows: 1, wanted, bytes: one, wantedBytes, limit };
}

const comparison = (bytes: number, limit: number) =>
  `would need about ${readable(bytes)} of memory, and ${readable(limit)} may be taken`;

function readable(bytes: number): string {
  const mebibytes = bytes / MEBIBYTE;
  if (mebibytes < 1) return `${Math.max(0, mebibytes).toFixed(2)} MiB`;
  return mebibytes < 1024 ? `${Math.round(mebibytes)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`;
}

/** Measured on ONNX Runtime: what its arena cannot use, and what kernels take while they run. */
const ENGINE_FACTOR = 1.15;
const BYTES_PER_SESSION = 16 * MEBIBYTE;

/** Compiles with an executor that only adds up: so that what is predicted is the very graphs that will run. */
async function bytesOf(executor: Executor, compile: (dry: Executor) => Promise<unknown>): Promise<number> {
  let bytes = 0;
  await compile({
    ...executor,
    compile: (graph) => {
      bytes += ENGINE_FACTOR * peakBytes(graph) + BYTES_PER_SESSION;
      return Promise.resolve({
        run: () => Promise.reject(new Error('this executor only predicts')),
        release: () => Promise.resolve(),
      });
    },
  });
  return bytes;
}
