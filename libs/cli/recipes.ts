import { defaultRecipe, type Optimizer, type Recipe } from '#adversarial';
import type { OnnxModel } from '#onnx-autodiff';

import type { Arguments } from './arguments.js';
import { UsageError } from './errors.js';
import { pictureOf } from './layout.js';
import { layoutFrom } from './threat.js';

export const RECIPES = ['fast', 'balanced', 'strong'] as const;
export type RecipeName = (typeof RECIPES)[number];

/** All PGD (Madry et al. 2018). With so few epochs, two steps in small batches get further than one: see `npm run bench -- --only digits`. */
export const recipes: Record<RecipeName, Recipe> = {
  fast: { ...defaultRecipe, attackSteps: 2, epochs: 2, batchSize: 32, learningRate: 0.014 },
  balanced: defaultRecipe,
  strong: { ...defaultRecipe, attackSteps: 7, epochs: 15 },
};

export const RECIPE_OPTIONS = [
  ...['recipe', 'epochs', 'batch', 'learning-rate', 'method', 'optimizer'],
  ...['weight-decay', 'clip', 'smoothing', 'averaging', 'shift'],
];
export const RECIPE_FLAGS = ['flip', 'batch-statistics'];

export const RECIPE_HELP = `  --recipe NAME       fast (2 attack steps, 2 epochs, batches of 32) | balanced (3, 6, 64; default) | strong (7, 15, 64)
  --epochs INTEGER    instead of the recipe's
  --batch INTEGER     rows of a training step, instead of the recipe's
  --learning-rate X   peak of the schedule (default 0.012, of fast 0.014)
  --method NAME       pgd | trades | fgsm-rs, instead of the recipe's. trades costs a further pass and weighs clean accuracy;
                      fgsm-rs is one step, and several from the epoch on where one turns out to be too few
  --optimizer NAME    adam (default) | sgd (momentum 0.9)
  --weight-decay X    share of each weight taken off per unit of learning rate (default 0)
  --clip X            longest gradient, over all weights together (default: any)
  --smoothing X       share of each label that is spread over all classes (default 0)
  --averaging X       decay of a running mean of the weights, which is then validated and written, e.g. 0.995
  --shift PIXELS      training pictures are moved at random, by so much at most (default 0)
  --flip              half of the training pictures are mirrored
  --batch-statistics  batch normalisation follows the training batches; without it its running statistics stay as they are`;

export function recipeOf(args: Arguments, { input }: OnnxModel): Recipe {
  const recipe = recipes[args.oneOf('recipe', RECIPES, 'balanced')];
  const name = args.oneOf('method', ['pgd', 'trades', 'fgsm-rs'], recipe.name ?? 'pgd');
  const optional = (option: string, low: number, high: number) =>
    args.text(option) === undefined ? undefined : args.number(option, { low, high });
  return {
    name,
    attackSteps: name === 'fgsm-rs' ? 1 : recipe.attackSteps,
    epochs: args.integer('epochs', { low: 1, high: 100_000, fallback: recipe.epochs }),
    batchSize: args.integer('batch', { low: 1, high: 65_536, fallback: recipe.batchSize }),
    learningRate: args.number('learning-rate', { low: 1e-9, high: 10, fallback: recipe.learningRate }),
    epsilonFactor: recipe.epsilonFactor,
    optimizer: args.oneOf<Optimizer>('optimizer', ['adam', 'sgd'], 'adam'),
    weightDecay: optional('weight-decay', 0, 1e3),
    clipNorm: optional('clip', 1e-9, 1e9),
    labelSmoothing: optional('smoothing', 0, 0.999),
    averaging: optional('averaging', 0, 0.999_999),
    batchStatistics: args.flag('batch-statistics') || undefined,
    augmentation: augmentationOf(
      args,
      input.dims.slice(1).map((dim) => dim ?? 0),
    ),
  };
}

function augmentationOf(args: Arguments, dims: readonly number[]): Recipe['augmentation'] {
  const shift = args.integer('shift', { low: 0, high: 64, fallback: 0 });
  const flip = args.flag('flip');
  if (shift === 0 && !flip) return undefined;
  const picture = pictureOf(dims, layoutFrom(args));
  if (!picture)
    throw new UsageError(
      `--${flip ? 'flip' : 'shift'} is for pictures; this model takes rows of shape (${dims.join(', ')})`,
    );
  return { shift, flip, channelsLast: picture.channelsLast };
}
