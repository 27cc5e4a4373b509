import { type Proportion, wilson } from '#change-detection';
import type { Executor, OnnxModel } from '#onnx-autodiff';

import { type CompiledAttack, compileAttack } from './attackGraph.js';
import { fgsm } from './attacks/fgsm.js';
import { predictions } from './attacks/predictions.js';
import { worstCase } from './attacks/worstCase.js';
import { type Dataset, pickRows, type Rows } from './dataset.js';
import { requireThat } from './errors.js';
import { checkOutputs } from './outputs.js';
import { random } from './random.js';
import { type AttackNumbers, sanityFlags } from './sanity.js';
import { largestPerturbation, type ThreatModel } from './threatModel.js';

export interface EvaluationOptions {
  executor: Executor;
  norm: ThreatModel['norm'];
  range: ThreatModel['range'];
  epsilons: readonly number[];
  /** Of PGD; restarts take turns between cross-entropy and margin. */
  steps: number;
  restarts: number;
  seed: number;
  batch?: number;
  signal?: AbortSignal;
  /** Called with the share of the work that is done. */
  onProgress?: (done: number) => void;
}

export interface RobustnessReport {
  clean: Proportion;
  attacks: AttackResult[];
  attack: { steps: number; restarts: number };
  classes: ClassResult[];
  /** Reasons not to believe the numbers, in words; none is good. */
  flags: string[];
}

export interface AttackResult {
  epsilon: number;
  fgsm: Proportion;
  /** Rows that are right as they are and at every point that PGD visited from any start. */
  pgd: Proportion;
  largestPerturbation: number;
  /** The rows of the dataset that stand against PGD. */
  standing: number[];
}

export interface ClassResult {
  class: number;
  clean: Proportion;
  /** For each epsilon, in the order asked for. */
  pgd: Proportion[];
}

/** As fast a row as larger batches, and the last, incomplete batch of each restart wastes less. */
const BATCH = 64;

export async function evaluateRobustness(
  model: OnnxModel,
  data: Dataset,
  options: EvaluationOptions,
): Promise<RobustnessReport> {
  const { norm, range, epsilons, steps, restarts, batch = BATCH, onProgress, signal } = options;
  requireThat(epsilons.length > 0, 'epsilons', 'must name at least one radius');
  const size = Math.min(batch, data.n);
  const attacks: [CompiledAttack, CompiledAttack] = [
    await compileAttack(model, { executor: options.executor, norm, batch: size, loss: 'ce' }),
    await compileAttack(model, { executor: options.executor, norm, batch: size, loss: 'margin' }),
  ];
  try {
    const clean = await predictions(attacks[0], data.x, range);
    const results: MeasuredAttack[] = [];
    for (const [index, epsilon] of epsilons.entries()) {
      const progress = (done: number) => onProgress?.((index + done) / (epsilons.length + 1));
      results.push(await measure(attacks, data, clean, { norm, epsilon, range }, { ...options, onProgress: progress }));
    }
    const right = rightRows(data, clean);
    const outputs = await checkOutputs(attacks[0], data.x, range);
    const measured = { norm, range, clean, outputs, results, n: data.n, signal };
    const flags = await sanityFlags(attacks, pickRows(data, right), measured);
    onProgress?.(1);
    return {
      clean: wilson(right.length, data.n),
      attacks: results.map(({ epsilon, fgsm, pgd, largestPerturbation, standing }) => ({
        epsilon,
        fgsm,
        pgd,
        largestPerturbation,
        standing,
      })),
      attack: { steps, restarts },
      classes: classResults(data, right, results),
      flags,
    };
  } finally {
    for (const attack of attacks) await attack.release();
  }
}

type MeasuredAttack = AttackResult & AttackNumbers;

async function measure(
  attacks: readonly [CompiledAttack, CompiledAttack],
  data: Dataset,
  clean: Int32Array,
  threat: ThreatModel,
  { steps, restarts, seed, signal, onProgress }: EvaluationOptions,
): Promise<MeasuredAttack> {
  signal?.throwIfAborted();
  const { features } = attacks[0];
  const right = rightRows(data, clean);
  const oneStep = await fgsm(attacks[0], data, threat);
  const afterFgsm = rightRows(data, await predictions(attacks[0], oneStep, threat.range));
  const started: Rows = pickRows(data, right);
  const worst = await worstCase(attacks, started, threat, {
    steps,
    restarts,
    random: random(seed),
    signal,
    onProgress,
  });
  const standing = right.filter((_, place) => worst.standing[place]);
  return {
    epsilon: threat.epsilon,
    fgsm: wilson(afterFgsm.length, data.n),
    pgd: wilson(standing.length, data.n),
    largestPerturbation: Math.max(
      largestPerturbation(threat.norm, oneStep, data.x, features),
      largestPerturbation(threat.norm, worst.x, started.x, features),
    ),
    standing,
    withoutGradient: right.filter((row) => unmoved(oneStep, data.x, row, features)).length,
  };
}

function rightRows({ y }: Rows, predicted: Int32Array): number[] {
  return [...y.keys()].filter((row) => predicted[row] === y[row]);
}

function unmoved(a: Float32Array, b: Float32Array, row: number, features: number): boolean {
  for (let i = row * features; i < (row + 1) * features; i++) if (a[i] !== b[i]) return false;
  return true;
}

function classResults(data: Dataset, right: readonly number[], results: readonly MeasuredAttack[]): ClassResult[] {
  return Array.from({ length: data.classes }, (_, label) => {
    const count = (rows: Iterable<number>) => [...rows].filter((row) => data.y[row] === label).length;
    const n = count(data.y.keys());
    return {
      class: label,
      clean: wilson(count(right), n),
      pgd: results.map(({ standing }) => wilson(count(standing), n)),
    };
  });
}
