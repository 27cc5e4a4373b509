import type { Proportion } from '#change-detection';

import type { Evaluation } from './evaluation.js';
import { percent } from './report/shares.js';

export interface Gate {
  passed: boolean;
  checks: Check[];
}

interface Check {
  name: 'training' | 'robust accuracy' | 'clean accuracy' | 'sanity';
  passed: boolean;
  detail: string;
}

/** Whether the hardened model may be called better: both were measured on the same rows, which training never saw. */
export function judge(before: Evaluation, after: Evaluation, { maxCleanLoss }: { maxCleanLoss: number }): Gate {
  const [was, is] = [underAllAttacks(before), underAllAttacks(after)];
  const cleanLoss = before.accuracy.clean!.value - after.accuracy.clean!.value;
  return gateOf([
    {
      name: 'robust accuracy',
      passed: is.low > was.value, // better by more than the chance of the draw
      detail: `${percent(was.value)} before, ${percent(is.value)} after, at least ${percent(is.low)} with 95 % confidence`,
    },
    {
      name: 'clean accuracy',
      passed: cleanLoss <= maxCleanLoss,
      detail: `${percent(before.accuracy.clean!.value)} before, ${percent(after.accuracy.clean!.value)} after; it may lose ${percent(maxCleanLoss)}`,
    },
    {
      name: 'sanity',
      passed: after.flags.length === 0,
      detail: after.flags.join('; ') || 'no sign that the numbers mislead',
    },
  ]);
}

export const trainingFailed = (detail: string): Gate => gateOf([{ name: 'training', passed: false, detail }]);

const gateOf = (checks: Check[]): Gate => ({ passed: checks.every(({ passed }) => passed), checks });

function underAllAttacks({ accuracy }: Evaluation): Proportion {
  return Object.values(accuracy).reduce((worst, share) => (share.value < worst.value ? share : worst));
}
