import { requireThat } from './errors.js';

/**
 * How to train. `pgd`: on the attacked rows alone (Madry et al. 2018). `trades`: clean rows for accuracy, attacked ones for agreement with
 * them (Zhang et al. 2019). `fgsm-rs`: one long step from a random start, watched for catastrophic overfitting (Wong et al. 2020).
 */
export interface Recipe {
  /** Default: `pgd`. */
  name?: 'pgd' | 'trades' | 'fgsm-rs' | undefined;
  /** 0 is plain training. */
  attackSteps: number;
  epochs: number;
  batchSize: number;
  /** Peak of the triangular schedule (cyclic, one cycle). */
  learningRate: number;
  /** Training epsilon over the threat model's: a little more than the target makes few steps go further. */
  epsilonFactor: number;
  /** Weight of the agreement in TRADES (1/lambda in the paper, 1 or 6 there). Default 1. */
  beta?: number | undefined;
  /** Default: `adam`. `sgd` has momentum .9. */
  optimizer?: Optimizer | undefined;
  /** Share of each weight that is taken off per unit of learning rate (decoupled, Loshchilov and Hutter 2019). Default 0. */
  weightDecay?: number | undefined;
  /** Longest gradient over all weights together. Default: any. */
  clipNorm?: number | undefined;
  /** Share of each label that is spread over all classes. Default 0. */
  labelSmoothing?: number | undefined;
  /** Largest decay of the running mean of the weights, which is then what is validated and kept. Default: none. */
  averaging?: number | undefined;
  /**
   * Batch normalisation takes the mean and variance of each training batch, and its running ones follow; attacks see the running
   * ones. Default: those of the file stay as they are, which hardens better from a trained network (see README.md).
   */
  batchStatistics?: boolean | undefined;
  augmentation?: Augmentation | undefined;
}

export type Optimizer = 'adam' | 'sgd';

/** Random changes of training pictures, drawn from the seed. */
export interface Augmentation {
  /** Pixels that a picture is moved at most, up or down and sideways; what comes in has the lowest value. */
  shift: number;
  /** Left becomes right, for half of the pictures. */
  flip: boolean;
  /** NHWC instead of NCHW. */
  channelsLast: boolean;
}

/** Measured on MNIST-size networks: small batches and a high learning rate matter more than many attack steps. */
export const defaultRecipe: Recipe = {
  attackSteps: 3,
  epochs: 6,
  batchSize: 64,
  learningRate: 0.012,
  epsilonFactor: 1,
};

/** Few steps must be long ones to get across the ball; 1.25 is what Wong et al. 2020 found for a single step. */
export function attackStepSize(steps: number, epsilon: number): number {
  return epsilon * Math.min(1.25, 1.5 / steps);
}

export function checkRecipe(recipe: Recipe): void {
  const { attackSteps, name, augmentation } = recipe;
  for (const [field, [fits, must]] of Object.entries(LIMITS)) {
    const value = recipe[field as keyof typeof LIMITS];
    requireThat(value === undefined || fits(value), `recipe.${field}`, must);
  }
  requireThat(name !== 'fgsm-rs' || attackSteps === 1, 'recipe.attackSteps', 'must be 1 for fgsm-rs');
  requireThat(wholeFrom(0)(augmentation?.shift ?? 0), 'recipe.augmentation.shift', 'must be a whole number from 0 up');
}

const wholeFrom = (least: number) => (value: number) => Number.isInteger(value) && value >= least;
const notNegative = (value: number) => value >= 0 && Number.isFinite(value);
const share = (value: number) => value >= 0 && value < 1;

type Limit = readonly [fits: (value: number) => boolean, must: string];
const LIMITS = {
  attackSteps: [wholeFrom(0), 'must be a whole number from 0 up'],
  epochs: [wholeFrom(1), 'must be a whole number from 1 up'],
  batchSize: [wholeFrom(1), 'must be a whole number from 1 up'],
  learningRate: [(value) => value > 0 && Number.isFinite(value), 'must be above 0'],
  epsilonFactor: [(value) => value >= 1 && value <= 2, 'must be from 1 to 2'],
  beta: [notNegative, 'must be 0 or more'],
  weightDecay: [notNegative, 'must be 0 or more'],
  clipNorm: [(value) => value > 0, 'must be above 0'],
  labelSmoothing: [share, 'must be from 0 to below 1'],
  averaging: [share, 'must be from 0 to below 1'],
} satisfies Record<string, Limit>;
