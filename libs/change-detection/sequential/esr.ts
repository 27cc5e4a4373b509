import type { Detector } from './detector.js';

/**
 * Mixture e-SR detector (Shin, Ramdas and Rinaldo 2022, arXiv 2203.03532). While E[x | past] <= m0 the expected run to `evidence` >= N
 * is at least N rows, for any dependence and without asymptotics. Each of the K bets is the exact likelihood ratio p_k : m0 for 0/1 values.
 */
export interface EsrState {
  /** m0, the tolerated mean. */
  tolerance: number;
  /** The e-SR value of each bet; their sum is the evidence. */
  bets: number[];
}

/** Enough: more bets detect no faster. */
const BETS = 8;
const LARGEST_MEAN = 0.9;
/** Keeps sums finite; far above any budget. */
const CEILING = 1e300;

const logit = (p: number) => Math.log(p / (1 - p));

/** Post-change means p_k, equally spaced in log-odds from about twice the tolerance upwards. */
export function alternatives(tolerance: number): number[] {
  const high = Math.max(LARGEST_MEAN, (1 + tolerance) / 2);
  const low = Math.min(2.2 * tolerance + 0.005, (tolerance + high) / 2);
  const step = (logit(high) - logit(low)) / (BETS - 1);
  return Array.from({ length: BETS }, (_, k) => 1 / (1 + Math.exp(-(logit(low) + step * k))));
}

export function openEsr(tolerance: number): EsrState {
  if (!(tolerance > 0 && tolerance < 1)) {
    throw new RangeError(
      `tolerance is ${tolerance}; the tolerated mean of a signal lies between 0 and 1, both excluded`,
    );
  }
  return { tolerance, bets: new Array<number>(BETS).fill(0) };
}

export function updateEsr({ tolerance, bets }: EsrState, x: number): EsrState {
  const stakes = stakesFor(tolerance);
  return {
    tolerance,
    bets: bets.map((bet, k) => Math.min(CEILING, (bet + 1 / BETS) * (1 + (stakes[k] ?? 0) * (x - tolerance)))),
  };
}

export const evidence = ({ bets }: EsrState): number => bets.reduce((sum, bet) => sum + bet, 0);

/** The mean of e-detectors is one, however dependent the signals are: one budget N for all signals of a model. */
export const combinedEvidence = (states: readonly EsrState[]): number =>
  states.reduce((sum, state) => sum + evidence(state) / states.length, 0);

/** One signal alone under the budget `N`: at most one false alarm per N values. */
export const esrDetector = (tolerance: number, budget: number): Detector<EsrState> => ({
  open: () => openEsr(tolerance),
  update: updateEsr,
  level: (state) => evidence(state) / budget,
});

const known = new Map<number, readonly number[]>();

/** The stakes lambda_k = (p_k - m0) / (m0 (1 - m0)), which keep every factor >= 0. Remembered, as they depend on nothing but m0. */
function stakesFor(tolerance: number): readonly number[] {
  let stakes = known.get(tolerance);
  if (!stakes) {
    if (known.size >= 1000) known.clear();
    stakes = alternatives(tolerance).map((p) => (p - tolerance) / (tolerance * (1 - tolerance)));
    known.set(tolerance, stakes);
  }
  return stakes;
}
