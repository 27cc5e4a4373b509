import type { GateModel } from '../calibration/calibration.js';

/** Logarithm of the mean energy of each band of the high part, relative to trusted rows. Looks at |a_k| only, so a swap of residuals swaps it too. */
export function bandEnergies(
  bands: readonly (readonly number[])[],
  energy: readonly number[],
  coefficients: Float64Array,
): Float64Array {
  return Float64Array.from(bands, (band, b) => {
    const mean = band.reduce((sum, k) => sum + coefficients[k]! ** 2, 0) / band.length;
    return Math.log(mean / energy[b]! + 1e-4);
  });
}

export function gateScore(gate: GateModel, coefficients: Float64Array): number {
  const logs = bandEnergies(gate.bands, gate.energy, coefficients);
  return logs.reduce(
    (sum, value, b) => sum + (gate.weights[b]! * (value - gate.mean[b]!)) / gate.deviation[b]!,
    gate.bias,
  );
}

/** Whether the high part of a row looks unusual enough to enter the gated test. */
export const gateSelects = (gate: GateModel, coefficients: Float64Array): boolean =>
  gateScore(gate, coefficients) > gate.threshold;
