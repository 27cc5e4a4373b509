import { prepareBasis, type PreparedBasis } from '../aim/transform.js';
import type { Calibration, SignalCalibrations } from '../calibration/calibration.js';
import { bandEnergy } from './band-energy.js';
import { confidence } from './probabilities.js';
import { squeezed, squeezeScore } from './squeeze.js';

export interface PreparedSignals {
  settings: SignalCalibrations;
  range: readonly [number, number];
  basis: PreparedBasis | null;
  variance: number[];
}

export const prepareSignals = ({ signals, input, split }: Calibration): PreparedSignals => ({
  settings: signals,
  range: input.range,
  basis: split && prepareBasis(split.basis),
  variance: split?.variance ?? [],
});

/** The input that the model must also answer before `rowSignals`, for any number of rows; null = none is needed. */
export function squeezedInput({ settings, range }: PreparedSignals, x: Float32Array): Float32Array | null {
  return settings.squeeze.enabled ? squeezed(x, settings.squeeze.bits, range) : null;
}

export type LabelFreeSignal = 'lowConfidence' | 'squeeze' | 'bandEnergy';

/** What one row says without a label: 1 = out of the ordinary. Signals that calibration switched off are left out. */
export function rowSignals(
  { settings, basis, variance }: PreparedSignals,
  row: { x: Float32Array; logits: Float32Array; squeezedLogits: Float32Array | null },
): Partial<Record<LabelFreeSignal, 0 | 1>> {
  const flags: Partial<Record<LabelFreeSignal, 0 | 1>> = {};
  const { lowConfidence, squeeze, bandEnergy: band } = settings;
  if (lowConfidence.enabled) flags.lowConfidence = confidence(row.logits) < lowConfidence.below ? 1 : 0;
  if (squeeze.enabled && row.squeezedLogits) {
    flags.squeeze = squeezeScore(row.logits, row.squeezedLogits) > squeeze.above ? 1 : 0;
  }
  if (band.enabled && basis) {
    const energy = bandEnergy(basis, variance, row.x);
    flags.bandEnergy = energy < band.low || energy > band.high ? 1 : 0;
  }
  return flags;
}
