import { evaluateRobustness, type Proportion, type ThreatModel } from '#adversarial';
import type { Dataset } from '#artifacts';
import type { OnnxModel } from '#onnx-autodiff';

import type { Arguments } from './arguments.js';
import type { Context } from './command.js';
import type { Engine } from './engine.js';
import { remaining } from './terminal.js';

export interface EvaluationSettings {
  threat: ThreatModel;
  steps: number;
  restarts: number;
  seed: number;
}

export interface Evaluation {
  /** `clean`, and one entry for each attack. */
  accuracy: Record<string, Proportion>;
  classes: { class: number; clean: Proportion; robust: Proportion }[];
  largestPerturbation: number;
  /** Reasons not to believe the numbers; none is good. */
  flags: string[];
}

export const STRENGTH_OPTIONS = ['steps', 'restarts', 'rows'] as const;

export function settingsOf(args: Arguments, threat: ThreatModel): EvaluationSettings {
  return {
    threat,
    steps: args.integer('steps', { low: 1, high: 100_000, fallback: 40 }),
    restarts: args.integer('restarts', { low: 1, high: 1000, fallback: 10 }),
    seed: args.common.seed,
  };
}

export async function evaluateModel(
  model: OnnxModel,
  data: Dataset,
  { threat, steps, restarts, seed }: EvaluationSettings,
  { executor }: Engine,
  { terminal, signal, now }: Context,
  label = 'evaluating',
): Promise<Evaluation> {
  const left = remaining(now);
  const { norm, range, epsilon } = threat;
  const report = await evaluateRobustness(model, data, {
    ...{ executor, norm, range, epsilons: [epsilon], steps, restarts, seed, signal },
    onProgress: (done) => terminal.progress(label, done, left(done)),
  });
  const [attacked] = report.attacks;
  return {
    accuracy: { clean: report.clean, fgsm: attacked!.fgsm, pgd: attacked!.pgd },
    classes: report.classes.map(({ class: label, clean, pgd }) => ({ class: label, clean, robust: pgd[0]! })),
    largestPerturbation: attacked!.largestPerturbation,
    flags: [...report.flags, ...meaningless(threat, data)],
  };
}

/** An attacker who may do anything says nothing about a model. */
function meaningless({ norm, epsilon, range: [low, high] }: ThreatModel, { x, n }: Dataset): string[] {
  const half = ((high - low) / 2) * (norm === 'l2' ? Math.sqrt(x.length / n) : 1);
  if (epsilon < half) return [];
  return [`epsilon too large: within ${epsilon} every input can be turned into plain grey, which has no class`];
}
