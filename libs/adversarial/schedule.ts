/** Share of the run in which the learning rate rises, and in which the training epsilon grows to its full size. */
export const WARM_UP = 0.3;

/** Triangle: up from 0 over the warm-up, then down to 0 at the end. `progress` is the share of the run that is done. */
export function learningRate(progress: number, peak: number): number {
  return progress < WARM_UP ? (peak * progress) / WARM_UP : (peak * (1 - progress)) / (1 - WARM_UP);
}

/** Full-size perturbations from the first step on can collapse a network to a constant predictor; growing ones do not. */
export function trainingEpsilon(progress: number, full: number): number {
  return full * Math.min(1, progress / WARM_UP);
}
