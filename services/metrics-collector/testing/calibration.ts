import { METHOD, type Calibration, type SignalCalibration, type TestCalibration } from '#change-detection';

export const SIDE = 8;
const FEATURES = SIDE * SIDE;
const on: SignalCalibration = { enabled: true, reason: null, rate: 0.01, tolerance: 0.02 };
const test: TestCalibration = { enabled: true, reason: null, gap: 0.1, worstKind: null, power: [] };

/** Frequencies (u, v) of the cosine transform with a spectrum that falls as that of natural images does. */
const variance = Array.from({ length: FEATURES }, (_, k) => 1 / (1 + Math.floor(k / SIDE) + (k % SIDE)) ** 2);
const high = Array.from({ length: FEATURES }, (_, k) => k).filter((k) => Math.floor(k / SIDE) + (k % SIDE) > SIDE);

/** Thresholds by hand for models of 8 x 8 images with three classes: every signal and the gate fire on some random images and not on others. */
export const handMadeCalibration = (classes = 3): Calibration => ({
  method: METHOD,
  input: { dims: [1, SIDE, SIDE], classes, range: [0, 1] },
  rows: 100,
  signals: {
    error: on,
    mismatch: on,
    lowConfidence: { ...on, below: 0.6 },
    squeeze: { ...on, bits: 1, above: 0.4 },
    bandEnergy: { ...on, low: 0.2, high: 0.7 },
  },
  split: {
    basis: { kind: 'image', channels: 1, height: SIDE, width: SIDE, channelsLast: false, mix: [1] },
    variance,
  },
  tests: {
    aim: { ...test, config: { q: 0.5, p: 1 }, bounds: null },
    gated: {
      ...test,
      config: { q: 0.1, p: 2 },
      bounds: null,
      selects: null,
      gate: { bands: [high], energy: [0.005], mean: [0], deviation: [1], weights: [1], bias: 0, threshold: 0 },
    },
    labelled: { ...test, config: { q: 0.3, p: 0 }, bounds: null },
  },
});
