import { describe, expect, it } from '@jest/globals';

import { wilson } from '#change-detection';

import type { Evaluation } from './evaluation.js';
import { judge } from './gate.js';

const measured = (clean: number, fgsm: number, pgd: number, flags: string[] = []): Evaluation => ({
  accuracy: { clean: wilson(clean, 100), fgsm: wilson(fgsm, 100), pgd: wilson(pgd, 100) },
  ...{ classes: [], largestPerturbation: 0.1, flags, skipped: [], standing: pgd },
});
const failed = (before: Evaluation, after: Evaluation, maxCleanLoss = 0.05) =>
  judge(before, after, { maxCleanLoss })
    .checks.filter(({ passed }) => !passed)
    .map(({ name }) => name);

describe('the gate', () => {
  it('passes a model that stands better', () => {
    const gate = judge(measured(99, 50, 20), measured(96, 90, 85), { maxCleanLoss: 0.05 });
    expect(gate.passed).toBe(true);
  });

  it('fails one that is better by no more than chance, by the weakest of its numbers', () => {
    expect(failed(measured(99, 50, 40), measured(99, 95, 44))).toEqual(['robust accuracy']);
    expect(failed(measured(99, 50, 20), measured(99, 95, 20))).toEqual(['robust accuracy']);
  });

  it('fails one that paid with clean accuracy', () => {
    expect(failed(measured(99, 50, 20), measured(93, 90, 85))).toEqual(['clean accuracy']);
    expect(failed(measured(99, 50, 20), measured(93, 90, 85), 0.1)).toEqual([]);
  });

  it('fails one whose numbers cannot be believed', () => {
    expect(failed(measured(99, 50, 20), measured(99, 99, 99, ['masked gradients']))).toEqual(['sanity']);
  });
});
