import { writeFile } from 'node:fs/promises';

import {
  hardenModel,
  type Recipe,
  type ThreatModel,
  TrainingCollapsedError,
  type TrainingProgress,
  type TrainingReport,
} from '#adversarial';
import type { Dataset } from '#artifacts';
import { type OnnxModel, parseModel, patchWeights, type Standardization } from '#onnx-autodiff';

import type { checkpointFile } from './checkpointFile.js';
import type { Context } from './command.js';
import type { Engine } from './engine.js';
import { type Evaluation, type EvaluationSettings, evaluateModel } from './evaluation.js';
import { type Gate, judge, trainingFailed } from './gate.js';
import { type Illustration, illustrate } from './illustration.js';
import { percent } from './report/shares.js';
import { modelForData } from './standardization.js';
import { duration } from './terminal.js';

export interface HardeningPlan {
  threat: ThreatModel;
  recipe: Recipe;
  /** Of the evaluations before and after. */
  settings: EvaluationSettings;
  timeBudgetSeconds: number | undefined;
  maxCleanLoss: number;
  out: string;
  resume: boolean;
  illustrated: boolean;
  /** Of the rows, before the model sees them. */
  standardization: Standardization | null;
  /** Of a training batch, as memory allows. */
  rowsAtOnce: number;
}

export type Parts = Record<'training' | 'validation' | 'test', Dataset>;

export interface Hardening {
  before: Evaluation;
  /** null: training failed, and there is no model. */
  after: Evaluation | null;
  gate: Gate;
  /** The file that was written: under its own name only if it passed the gate. */
  out: string | null;
  rejected: string | null;
  training: TrainingReport | null;
  illustrations: (readonly ['before' | 'after', Illustration])[];
}

/** Measures, trains, measures again on the same rows, and writes the model under the name it deserves. */
export async function hardenAndJudge(
  model: OnnxModel,
  { training, validation, test }: Parts,
  plan: HardeningPlan,
  checkpoint: ReturnType<typeof checkpointFile>,
  engine: Engine,
  context: Context,
): Promise<Hardening> {
  const { recipe, threat, settings, timeBudgetSeconds, maxCleanLoss, out } = plan;
  const { terminal, signal, now } = context;
  const { executor } = engine;
  terminal.line(`${training.n} rows train, ${validation.n} choose the epoch, ${test.n} measure before and after`);
  const illustrations: Hardening['illustrations'] = [];
  const measure = async (name: 'before' | 'after', of: OnnxModel) => {
    if (plan.illustrated) illustrations.push([name, await illustrate(of, test, settings, engine, context)]);
    return evaluateModel(of, test, settings, engine, context, name);
  };
  const before = await measure('before', model);
  if (!plan.resume) await checkpoint.remove();
  try {
    const { weights, report } = await hardenModel(
      model,
      training,
      validation,
      { recipe, threat, seed: settings.seed },
      {
        ...{ executor, signal, now, checkpoint, requireCheckpoint: plan.resume, rowsAtOnce: plan.rowsAtOnce },
        ...(timeBudgetSeconds !== undefined && { timeBudgetSeconds }),
        onProgress: (at) => terminal.progress('training', at.step / at.totalSteps, described(at)),
      },
    );
    const bytes = patchWeights(model, weights);
    const after = await measure('after', modelForData(parseModel(bytes), plan.standardization));
    const gate = judge(before, after, { maxCleanLoss });
    const path = gate.passed ? out : `${out.replace(/\.onnx$/, '')}.rejected.onnx`;
    await writeFile(path, bytes);
    await checkpoint.remove();
    const written = gate.passed ? { out: path, rejected: null } : { out: null, rejected: path };
    return { before, after, gate, ...written, training: report, illustrations };
  } catch (error) {
    if (signal.aborted && (await checkpoint.load())) terminal.line(`${checkpoint.path}: go on with --resume`);
    if (!(error instanceof TrainingCollapsedError)) throw error;
    const nothing = { after: null, out: null, rejected: null, training: null };
    return { before, gate: trainingFailed(error.message), ...nothing, illustrations };
  }
}

function described({
  epoch,
  epochs,
  loss,
  robustAccuracy,
  etaSeconds,
  backOffs,
  overfittedAt,
}: TrainingProgress): string {
  return [
    `epoch ${epoch}/${epochs}`,
    `loss ${loss.toFixed(2)}`,
    robustAccuracy === null ? 'robust: not yet' : `robust ${percent(robustAccuracy)}`,
    `${duration(etaSeconds)} left`,
    ...(backOffs > 0 ? [`collapsed ${backOffs} times, learning rate / ${2 ** backOffs}`] : []),
    ...(overfittedAt === null ? [] : [`one attack step was too few in epoch ${overfittedAt}, now several`]),
  ].join(', ');
}
