import type { RunSettings } from '#testbed';

/**
 * The demo's system with less to compute: fewer rows, and a threat that a short training is enough against. Every step of the loop is taken;
 * how good a model becomes, and under how strong an attack it is proved, is what `npm run demo` and `npm run bench` are for.
 */
export const SMALL: Pick<RunSettings, 'rows'> & { spec: object } = {
  rows: { training: 2000, validation: 100, calibration: 320, certificate: 200 },
  spec: {
    threatModel: { norm: 'linf', epsilon: 0.1, steps: 10, restarts: 2 },
    training: {
      recipe: { name: 'pgd', attackSteps: 1, epochs: 4, batchSize: 64, learningRate: 0.004, epsilonFactor: 1 },
      timeBudgetSeconds: 300,
      seed: 1,
    },
    gates: { minimumRobustAccuracy: 0.7, maximumCleanLoss: 0.05 },
    rollout: { steps: [50, 100], stepSeconds: 1, minimumLabelled: 15, timeoutSeconds: 120 },
    coolDownSeconds: 0,
  },
};
