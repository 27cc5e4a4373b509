import { type Proportion, wilson } from '#change-detection';
import type { CompiledAttack } from './attackGraph.js';
import { worstCase } from './attacks/worstCase.js';
import { largestCount, pickRows, type Rows } from './dataset.js';
import type { OutputCheck } from './outputs.js';
import { random } from './random.js';
import type { Norm, ThreatModel } from './threatModel.js';

/**
 * A model can look robust because its gradients are useless, not because there are no adversarial inputs (Athalye et
 * al. 2018, section 3.1; Carlini et al. 2019). Each flag is one sign of that.
 */
export async function sanityFlags(
  attacks: readonly [CompiledAttack, CompiledAttack],
  right: Rows,
  { norm, range, clean, outputs, results, n, signal }: Measured,
): Promise<string[]> {
  const flags: string[] = [];
  if (clean.includes(-1)) flags.push('not a number: the model gives NaN for some inputs');
  if (outputs.random > 0) {
    flags.push(
      `randomised outputs: ${outputs.random} of ${outputs.rows} rows get other scores when they are asked again`,
    );
  }
  if (outputs.saturated > MAX_SATURATED * outputs.rows) {
    flags.push(
      `saturated outputs: for ${outputs.saturated} of ${outputs.rows} rows the softmax is 1 in float32, so its gradient says nothing`,
    );
  }
  for (const { epsilon, fgsm, pgd, withoutGradient } of results) {
    if (withoutGradient > MAX_WITHOUT_GRADIENT * n) {
      flags.push(`zero gradients: ${withoutGradient} of ${n} rows have none (epsilon ${epsilon})`);
    }
    if (pgd.value > fgsm.value + MAX_PGD_LEAD) {
      flags.push(
        `masked gradients: one step beats many (FGSM ${percent(fgsm.value)}, PGD ${percent(pgd.value)}, epsilon ${epsilon})`,
      );
    }
  }
  if (right.y.length > 0) flags.push(...(await unboundedAttack(attacks, right, { norm, range, signal })));
  return flags;
}

export interface AttackNumbers {
  epsilon: number;
  fgsm: Proportion;
  pgd: Proportion;
  /** Rows that are right, but that FGSM could not move at all. */
  withoutGradient: number;
}

interface Measured {
  norm: Norm;
  range: ThreatModel['range'];
  /** Predictions of all n rows as they are. */
  clean: Int32Array;
  outputs: OutputCheck;
  results: readonly AttackNumbers[];
  n: number;
  signal?: AbortSignal | undefined;
}

const MAX_SATURATED = 0.5;
const MAX_WITHOUT_GRADIENT = 0.01;
const MAX_PGD_LEAD = 0.01;
const UNBOUNDED = { rows: 128, steps: 40, restarts: 2, seed: 1 };

/** From every input the middle of the range is in reach, where a model has one answer: at most one class can stand. */
async function unboundedAttack(
  attacks: readonly [CompiledAttack, CompiledAttack],
  right: Rows,
  { norm, range, signal }: Pick<Measured, 'norm' | 'range' | 'signal'>,
): Promise<string[]> {
  const [low, high] = range;
  const epsilon = ((high - low) / 2) * (norm === 'l2' ? Math.sqrt(attacks[0].features) : 1);
  const rows = pickRows(right, [...right.y.keys()].slice(0, UNBOUNDED.rows));
  const { steps, restarts, seed } = UNBOUNDED;
  const { standing } = await worstCase(
    attacks,
    rows,
    { norm, epsilon, range },
    { steps, restarts, random: random(seed), signal },
  );
  const stands = wilson(standing.filter(Boolean).length, standing.length);
  if (stands.low <= largestCount(rows.y) / rows.y.length) return [];
  return [
    `masked gradients: ${percent(stands.value)} stand at epsilon ${epsilon}, where every input can be turned into any class`,
  ];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
