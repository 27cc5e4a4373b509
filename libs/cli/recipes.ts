import { defaultRecipe, type Recipe } from '#adversarial';

export const RECIPES = ['fast', 'balanced', 'strong'] as const;
export type RecipeName = (typeof RECIPES)[number];

/** `fast` takes one long step from a random start (Wong et al. 2020), the others several (Madry et al. 2018). */
export const recipes: Record<RecipeName, Recipe> = {
  fast: { ...defaultRecipe, attackSteps: 1, epochs: 4 },
  balanced: defaultRecipe,
  strong: { ...defaultRecipe, attackSteps: 7, epochs: 15 },
};
