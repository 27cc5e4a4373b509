import { bandEnergies, gateScore } from '../aim/gate.js';
import { lowSet, quantile } from '../aim/split.js';
import { prepareBasis, type PreparedBasis } from '../aim/transform.js';
import type { TrustedRows } from './material.js';
import type { GateModel, SplitCalibration } from './calibration.js';
import { logisticRegression } from './logistic-regression.js';
import { median } from './gap.js';

/** Share of trusted rows that the threshold lets through. */
const THROUGH = 0.02;
/** Inverse of the C = .3 that was measured. */
const PENALTY = 1 / 0.3;
const LARGEST_TRUSTED_SHARE = 0.05;
const LEAST_RATIO = 8;
/** Trusted rows for the threshold, and as many again to check it. */
const LEAST_ROWS = 40;

export interface GateFindings {
  gate: GateModel;
  selects: { attacked: number; trusted: number };
  reason: string | null;
}

interface Material {
  split: SplitCalibration;
  q: number;
  /** Trusted rows that basis and gate may learn from. */
  fitted: TrustedRows;
  attacked: readonly TrustedRows[];
  /** Trusted rows that nothing has learnt from, for the threshold and for checking what it lets through. */
  forThreshold: TrustedRows;
  forCheck: TrustedRows;
}

/** Learns to tell attacked rows by the energies of their high bands alone; null where too few trusted rows are left to check it. */
export function calibrateGate(material: Material): GateFindings | null {
  const { split, q, fitted, attacked, forThreshold, forCheck } = material;
  if (forThreshold.n < LEAST_ROWS || forCheck.n < LEAST_ROWS) return null;
  const basis = prepareBasis(split.basis);
  const bands = bandsOf(basis, lowSet(split.variance, q));
  const coefficients = (rows: TrustedRows) => coefficientsOf(basis, rows);
  const own = coefficients(fitted);
  const energy = bands.map((band) => {
    const total = own.reduce((sum, a) => sum + band.reduce((part, k) => part + a[k]! ** 2, 0), 0);
    return total / (own.length * band.length) + 1e-8;
  });
  const underAttack = attacked.map(coefficients);
  const learnt = learn(bands, energy, own, underAttack.flat());
  const threshold = quantile(
    coefficients(forThreshold).map((a) => gateScore(learnt, a)),
    1 - THROUGH,
  );
  const gate = { ...learnt, threshold };
  const share = (rows: readonly Float64Array[]) =>
    rows.filter((a) => gateScore(gate, a) > threshold).length / rows.length;
  const selects = { attacked: median(underAttack.map(share)), trusted: share(coefficients(forCheck)) };
  return { gate, selects, reason: refusal(selects) };
}

export const coefficientsOf = ({ features, to }: PreparedBasis, { x, n }: TrustedRows): Float64Array[] =>
  Array.from({ length: n }, (_, row) => to(x.subarray(row * features, (row + 1) * features)));

function refusal({ attacked, trusted }: GateFindings['selects']): string | null {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  if (trusted > LARGEST_TRUSTED_SHARE) return `the gate lets ${percent(trusted)} of fresh trusted rows through`;
  if (attacked < LEAST_RATIO * Math.max(trusted, THROUGH)) {
    return `the gate lets ${percent(attacked)} of attacked and ${percent(trusted)} of trusted rows through`;
  }
  return null;
}

/** Images: the frequencies u + v of each channel in about 14 steps; vectors: neighbouring components. Only coefficients of the high part. */
function bandsOf({ image, features }: PreparedBasis, low: Uint8Array): number[][] {
  const bandOf = (k: number): number => {
    if (!image) return Math.floor(k / Math.max(1, Math.floor(features / 16)));
    const { height, width } = image;
    const within = k % (height * width);
    const step = Math.max(2, Math.ceil((height + width) / 16));
    const channel = Math.floor(k / (height * width));
    return channel * (height + width) + Math.floor((Math.floor(within / width) + (within % width)) / step);
  };
  const bands = new Map<number, number[]>();
  low.forEach((isLow, k) => {
    if (!isLow) bands.set(bandOf(k), [...(bands.get(bandOf(k)) ?? []), k]);
  });
  return [...bands.values()];
}

function learn(
  bands: number[][],
  energy: number[],
  trusted: readonly Float64Array[],
  attacked: readonly Float64Array[],
): GateModel {
  const features = [...trusted, ...attacked].map((a) => bandEnergies(bands, energy, a));
  const n = features.length;
  const mean = bands.map((_, b) => features.reduce((sum, row) => sum + row[b]!, 0) / n);
  const deviation = bands.map(
    (_, b) => Math.sqrt(features.reduce((sum, row) => sum + (row[b]! - mean[b]!) ** 2, 0) / n) + 1e-6,
  );
  const standard = features.map((row) => row.map((value, b) => (value - mean[b]!) / deviation[b]!));
  // Both sides count alike, however many rows they have.
  const weights = features.map((_, at) => n / 2 / (at < trusted.length ? trusted.length : attacked.length));
  const learnt = logisticRegression(
    standard,
    features.map((_, at) => at >= trusted.length),
    weights,
    PENALTY,
  );
  return { bands, energy, mean, deviation, ...learnt, threshold: 0 };
}
