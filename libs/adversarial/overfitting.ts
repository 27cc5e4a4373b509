import type { Validation } from './validation.js';

/** What comes after one step: few enough to stay cheap, enough not to be bent around. */
const FEW_STEPS = 3;

/** Networks trained on several steps reach nearly .8 in the middle of a run and .9 at its end (digits, linf .3). */
const LEAST_RATIO = 0.7;

/**
 * Catastrophic overfitting (Wong et al. 2020): a network that trains on single steps learns to bend its loss around them. Then
 * single steps find little, and many steps nearly everything.
 */
export const overfitsOneStep = (attackSteps: number, { fgsm, robust }: Validation): boolean =>
  attackSteps === 1 && robust < LEAST_RATIO * fgsm;

/** Some epochs of several steps heal a network that has overfitted to one (Li et al. 2020, "Towards understanding fast adversarial training"). */
export const attackStepsOf = (recipeSteps: number, overfittedAt: number | null): number =>
  overfittedAt === null ? recipeSteps : FEW_STEPS;
