import { requireThat } from './errors.js';

/** How to train. Projected gradient descent (Madry et al. 2018) makes the attacks; 0 steps is plain training. */
export interface Recipe {
  attackSteps: number;
  epochs: number;
  batchSize: number;
  /** Peak of the triangular schedule, for Adam. */
  learningRate: number;
  /** Training epsilon over the threat model's: a little more than the target makes few steps go further. */
  epsilonFactor: number;
}

/** Measured on MNIST-size networks: small batches and a high learning rate matter more than many attack steps. */
export const defaultRecipe: Recipe = {
  attackSteps: 3,
  epochs: 6,
  batchSize: 64,
  learningRate: 8e-3,
  epsilonFactor: 1,
};

/** Few steps must be long ones to get across the ball; 1.25 is what Wong et al. 2020 found for a single step. */
export function attackStepSize(steps: number, epsilon: number): number {
  return epsilon * Math.min(1.25, 1.5 / steps);
}

export function checkRecipe(recipe: Recipe): void {
  const { attackSteps, epochs, batchSize, learningRate, epsilonFactor } = recipe;
  requireThat(
    Number.isInteger(attackSteps) && attackSteps >= 0,
    'recipe.attackSteps',
    'must be a whole number from 0 up',
  );
  requireThat(Number.isInteger(epochs) && epochs >= 1, 'recipe.epochs', 'must be a whole number from 1 up');
  requireThat(Number.isInteger(batchSize) && batchSize >= 1, 'recipe.batchSize', 'must be a whole number from 1 up');
  requireThat(learningRate > 0 && Number.isFinite(learningRate), 'recipe.learningRate', 'must be above 0');
  requireThat(epsilonFactor >= 1 && epsilonFactor <= 2, 'recipe.epsilonFactor', 'must be from 1 to 2');
}
