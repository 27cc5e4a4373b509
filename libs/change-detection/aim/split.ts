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
  const kept = new Float64Array(coefficients.length);
  for (let k = 0; k < kept.length; k++) if (low[k]) kept[k] = coefficients[k]!;
  const lo = Float32Array.from(basis.from(kept));
  basis.mean?.forEach((m, i) => (lo[i]! += m));
  return lo;
}

export function residualOf({ basis, low, weight }: Splitter, coefficients: Float64Array): Float32Array {
  const kept = new Float64Array(coefficients.length);
  for (let k = 0; k < kept.length; k++) if (!low[k]) kept[k] = coefficients[k]! * weight[k]!;
  return direction(basis.from(kept));
}

/** Clipped at 1.5 x the median size, so that no few large values decide, then scaled to unit length. */
function direction(high: Float64Array): Float32Array {
  const sizes = new Float64Array(high.length);
  for (let i = 0; i < high.length; i++) sizes[i] = Math.abs(high[i]!);
  const limit = 1.5 * quantileOfSorted(sizes.sort(), 0.5) + 1e-7;
  const clipped = new Float32Array(high.length);
  let squares = 0;
  for (let i = 0; i < high.length; i++) {
    const value = Math.max(-1, Math.min(1, high[i]! / limit));
    clipped[i] = value;
    squares += value * value;
  }
  const length = Math.sqrt(squares) + 1e-9;
  for (let i = 0; i < clipped.length; i++) clipped[i]! /= length;
  return clipped;
}

/** Linear between order statistics. */
export const quantile = (values: ArrayLike<number>, share: number): number =>
  quantileOfSorted(Float64Array.from(values).sort(), share);

function quantileOfSorted(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? below) - below);
}
