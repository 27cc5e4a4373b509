import type { SplitCalibration, SplitChoice } from '../calibration/calibration.js';
import { prepareBasis, type PreparedBasis } from './transform.js';

/** Splits rows into a low part, where gradients are taken, and the whitened direction of the rest. */
export interface Splitter {
  basis: PreparedBasis;
  /** 1 for the coefficients of the low part. */
  low: Uint8Array;
  /** What each other coefficient is multiplied by: variance^(-p/2). */
  weight: Float64Array;
}

export interface SplitRow {
  /** Input of the model; not clipped to the valid range. */
  lo: Float32Array;
  /** Unit length. */
  residual: Float32Array;
  /** Of the whole row in the basis; the gate looks at those of the high part. */
  coefficients: Float64Array;
}

export function prepareSplit({ basis, variance }: SplitCalibration, { q, p }: SplitChoice): Splitter {
  return splitter(prepareBasis(basis), lowSet(variance, q), variance, p);
}

export const splitter = (
  basis: PreparedBasis,
  low: Uint8Array,
  variance: readonly number[],
  p: SplitChoice['p'],
): Splitter => ({ basis, low, weight: Float64Array.from(variance, (v) => v ** (-p / 2)) });

/** The share q of the coefficients with the largest variance. */
export function lowSet(variance: readonly number[], q: number): Uint8Array {
  const smallest = quantile(variance, 1 - q);
  return Uint8Array.from(variance, (v) => (v >= smallest ? 1 : 0));
}

export function splitRow(splitter: Splitter, x: ArrayLike<number>): SplitRow {
  const coefficients = splitter.basis.to(x);
  return { lo: lowPart(splitter, coefficients), residual: residualOf(splitter, coefficients), coefficients };
}

export function lowPart({ basis, low }: Splitter, coefficients: Float64Array): Float32Array {
  const lo = Float32Array.from(basis.from(coefficients.map((a, k) => (low[k] ? a : 0))));
  basis.mean?.forEach((m, i) => (lo[i]! += m));
  return lo;
}

export const residualOf = ({ basis, low, weight }: Splitter, coefficients: Float64Array): Float32Array =>
  direction(basis.from(coefficients.map((a, k) => (low[k] ? 0 : a * weight[k]!))));

/** Clipped at 1.5 x the median size, so that no few large values decide, then scaled to unit length. */
function direction(high: Float64Array): Float32Array {
  const limit = 1.5 * quantile(high.map(Math.abs), 0.5) + 1e-7;
  const clipped = high.map((value) => Math.max(-1, Math.min(1, value / limit)));
  const length = Math.sqrt(clipped.reduce((sum, value) => sum + value * value, 0)) + 1e-9;
  return Float32Array.from(clipped, (value) => value / length);
}

/** Linear between order statistics. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? below) - below);
}
