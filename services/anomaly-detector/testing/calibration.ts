import { METHOD, type Calibration, type SignalCalibration, type TestName } from '#change-detection';

const off: SignalCalibration = { enabled: false, reason: 'not in this test', rate: 0, tolerance: 0.05 };
const lowConfidence = { ...off, enabled: true, reason: null, rate: 0.01, tolerance: 0.02, below: 0.6 };

/** A calibration by hand: `lowConfidence` is watched, and these tests decide by bounds that hold for exchangeable residuals. */
export function literalCalibration(enabled: readonly TestName[]): Calibration {
  const test = (name: TestName) => ({
    enabled: enabled.includes(name),
    reason: null,
    gap: 0.1,
    worstKind: null,
    power: [],
    config: { q: 0.5, p: 1 as const },
  });
  const bounds = {
    m0: { abs: 0.5, maxabs: 0.5 },
    p0: [0.2, 0.05] as [number, number],
    drift: { statistic: 'abs' as const, m1: 0.6, f: 0.2 },
  };
  const labelled = { m: { near: 0.5, max: 0.5 }, drift: { m1: 0.6, f: 0.2 } };
  return {
    method: METHOD,
    input: { dims: [1, 8, 8], classes: 3, range: [0, 1] },
    rows: 100,
    signals: {
      error: { ...off, enabled: true, reason: null, tolerance: 0.05 },
      mismatch: { ...off, enabled: true, reason: null, tolerance: 0.01 },
      lowConfidence,
      squeeze: { ...off, bits: 1, above: 0.4 },
      bandEnergy: { ...off, low: 0.2, high: 0.7 },
    },
    split: null,
    tests: {
      aim: { ...test('aim'), bounds },
      gated: { ...test('gated'), bounds, gate: null, selects: null },
      labelled: { ...test('labelled'), bounds: { pair: labelled, group: labelled } },
    },
  };
}
