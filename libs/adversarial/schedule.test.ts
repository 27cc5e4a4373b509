import { describe, expect, it } from '@jest/globals';

import { attackStepSize, checkRecipe, defaultRecipe } from './recipe.js';
import { learningRate, trainingEpsilon } from './schedule.js';

describe('schedules', () => {
  it('raise the learning rate for 30 % of the run, then lower it to nothing', () => {
    const at = [0, 0.15, 0.3, 0.65, 1].map((progress) => learningRate(progress, 8));
    [0, 4, 8, 4, 0].forEach((value, i) => expect(at[i]).toBeCloseTo(value, 12));
  });

  it('grow epsilon for 30 % of the run, then keep it', () => {
    const at = [0, 0.15, 0.3, 1].map((progress) => trainingEpsilon(progress, 0.4));
    [0, 0.2, 0.4, 0.4].forEach((value, i) => expect(at[i]).toBeCloseTo(value, 12));
  });

  it('let few attack steps cross the ball', () => {
    for (const steps of [1, 2, 3, 7, 40]) expect(steps * attackStepSize(steps, 0.3)).toBeGreaterThan(0.3);
    expect(attackStepSize(3, 0.3)).toBeCloseTo(0.15, 12);
  });
});

describe('checkRecipe', () => {
  it.each([
    ['attackSteps', -1],
    ['epochs', 0],
    ['batchSize', 1.5],
    ['learningRate', 0],
    ['learningRate', Infinity],
    ['epsilonFactor', 2.5],
    ['epsilonFactor', NaN],
  ])('refuses %s %d by name', (field, value) => {
    expect(() => checkRecipe({ ...defaultRecipe, [field]: value })).toThrow(
      expect.objectContaining({ name: 'InvalidArgumentError', field: `recipe.${field}` }),
    );
  });

  it('takes the default', () => {
    expect(() => checkRecipe(defaultRecipe)).not.toThrow();
  });
});
