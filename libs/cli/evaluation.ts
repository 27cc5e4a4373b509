import {
  evaluateRobustness,
  type FurtherAttack,
  type FurtherResult,
  furtherAttacks,
  runFurtherAttacks,
  type ThreatModel,
} from '#adversarial';
import { type Proportion, wilson } from '#change-detection';
import type { Dataset } from '#artifacts';
import type { OnnxModel } from '#onnx-autodiff';

import type { Arguments } from './arguments.js';
import type { Context } from './command.js';
import type { Engine } from './engine.js';
import { type Layout, pictureOf } from './layout.js';
import { layoutFrom } from './threat.js';
import { remaining } from './terminal.js';

export interface EvaluationSettings {
  threat: ThreatModel;
  steps: number;
  restarts: number;
  seed: number;
  /** After FGSM and PGD, which always run. */
  further: readonly FurtherAttack[];
  /** Of the square attack. */
  queries: number;
  layout: Layout | undefined;
  /** Rows that an attack takes at a time. */
  batch: number;
}

export interface Evaluation {
  /** `clean`, and one entry for each attack: what stands against PGD goes on to the next, and so on. */
  accuracy: Record<string, Proportion>;
  classes: { class: number; clean: Proportion; robust: Proportion }[];
  largestPerturbation: number;
  /** Reasons not to believe the numbers; none is good. */
  flags: string[];
  /** Attacks that do not apply to this model, and why. */
  skipped: string[];
  /** Rows that stand against every attack. */
  standing: number;
}

export const STRENGTH_OPTIONS = ['attacks', 'steps', 'restarts', 'queries', 'rows'] as const;

export function settingsOf(
  args: Arguments,
  threat: ThreatModel,
  fallback: readonly FurtherAttack[] = furtherAttacks,
): Omit<EvaluationSettings, 'batch'> {
  const named = args.someOf('attacks', ['all', 'none', ...furtherAttacks], fallback);
  return {
    threat,
    steps: args.integer('steps', { low: 1, high: 100_000, fallback: 40 }),
    restarts: args.integer('restarts', { low: 1, high: 1000, fallback: 10 }),
    queries: args.integer('queries', { low: 1, high: 10_000_000, fallback: 1000 }),
    seed: args.common.seed,
    further: furtherAttacks.filter((attack) => named.includes('all') || named.includes(attack)),
    layout: layoutFrom(args),
  };
}

export async function evaluateModel(
  model: OnnxModel,
  data: Dataset,
  settings: EvaluationSettings,
  { executor }: Engine,
  { terminal, signal, now }: Context,
  label = 'evaluating',
): Promise<Evaluation> {
  const { threat, steps, restarts, seed, batch } = settings;
  const progress = (attack: string) => {
    const left = remaining(now);
    return (done: number) => terminal.progress(`${label}: ${attack}`, done, left(done));
  };
  const { norm, range, epsilon } = threat;
  const report = await evaluateRobustness(model, data, {
    ...{ executor, norm, range, epsilons: [epsilon], steps, restarts, seed, batch, signal },
    onProgress: progress('pgd'),
  });
  const { fgsm, pgd, standing: afterPgd, largestPerturbation } = report.attacks[0]!;

  const { attacks, picture, skipped } = applicable(settings, data);
  const clocks = Object.fromEntries(attacks.map((attack) => [attack, progress(attack)]));
  const further = await runFurtherAttacks(model, data, afterPgd, attacks, {
    ...{ executor, threat, steps, restarts, queries: settings.queries, picture, seed, batch, signal },
    onProgress: (attack, done) => clocks[attack]!(done),
  });
  const standing = further.at(-1)?.standing ?? afterPgd;
  return {
    accuracy: {
      clean: report.clean,
      fgsm,
      pgd,
      ...Object.fromEntries(further.map(({ attack, standing: rows }) => [attack, wilson(rows.length, data.n)])),
    },
    classes: report.classes.map(({ class: label, clean }) => ({
      class: label,
      clean,
      robust: wilson(standing.filter((row) => data.y[row] === label).length, clean.n),
    })),
    largestPerturbation: Math.max(largestPerturbation, ...further.map((result) => result.largestPerturbation)),
    flags: [...report.flags, ...maskedGradients(further, data.n), ...meaningless(threat, data)],
    skipped,
    standing: standing.length,
  };
}

function applicable({ further, layout }: Pick<EvaluationSettings, 'further' | 'layout'>, { dims, classes }: Dataset) {
  const picture = pictureOf(dims, layout);
  const reasons: Partial<Record<FurtherAttack, string>> = {
    ...(classes < 3 && { 'apgd-dlr': 'the model has fewer than 3 classes' }),
    ...(!picture && { square: 'the input is not a picture' }),
  };
  return {
    picture,
    attacks: further.filter((attack) => reasons[attack] === undefined),
    skipped: further.flatMap((attack) => (reasons[attack] === undefined ? [] : [`${attack}: ${reasons[attack]}`])),
  };
}

/** Of all rows: so many that only an attack without gradients fools are no coincidence. */
const MAX_BLACK_BOX_LEAD = 0.02;

function maskedGradients(further: readonly FurtherResult[], n: number): string[] {
  const at = further.findIndex(({ attack }) => attack === 'square');
  const before = further[at - 1];
  const square = further[at];
  if (!square || !before) return [];
  const lead = before.standing.length - square.standing.length;
  if (lead <= MAX_BLACK_BOX_LEAD * n) return [];
  return [`masked gradients: ${lead} of ${n} rows stand against every gradient attack, but not against random squares`];
}

/** An attacker who may do anything says nothing about a model. */
function meaningless({ norm, epsilon, range: [low, high] }: ThreatModel, { x, n }: Dataset): string[] {
  const half = ((high - low) / 2) * (norm === 'l2' ? Math.sqrt(x.length / n) : 1);
  if (epsilon < half) return [];
  return [`epsilon too large: within ${epsilon} every input can be turned into plain grey, which has no class`];
}
