import type { Basis } from '../aim/basis.js';
import type { InputShape } from '../model.js';

/** Version of everything that a calibration decides. Calibrations of another method must be made again. */
export const METHOD = 'aim-swap-1';

export type TestName = 'aim' | 'gated' | 'labelled';

/** All that was learnt about one model from its trusted rows. Plain JSON. */
export interface Calibration {
  method: typeof METHOD;
  input: InputShape;
  /** Trusted rows used. */
  rows: number;
  signals: SignalCalibrations;
  /** Null where no split into a low and a high part exists for this input: then there are no tests. */
  split: SplitCalibration | null;
  tests: { aim: AimCalibration; gated: GatedCalibration; labelled: LabelledCalibration };
}

export interface SignalCalibration {
  enabled: boolean;
  /** Why the signal is off. */
  reason: string | null;
  /** Share of trusted rows that it flags. */
  rate: number;
  /** Share that it may flag (m0) before that counts as evidence. */
  tolerance: number;
}

export interface SignalCalibrations {
  error: SignalCalibration;
  /** Flag: the largest probability is below. */
  lowConfidence: SignalCalibration & { below: number };
  /** Flag: squeezing the input to `bits` moves the probabilities (L1) by more than `above`. */
  squeeze: SignalCalibration & { bits: number; above: number };
  /** Flag: the energy of the fine part lies outside. */
  bandEnergy: SignalCalibration & { low: number; high: number };
  mismatch: SignalCalibration;
}

export type SignalName = keyof SignalCalibrations;

/** The orthonormal basis and the variance of each of its coefficients on trusted rows. */
export interface SplitCalibration {
  basis: Basis;
  variance: number[];
}

/** The part of a request that is low and how the rest is weighted: share q of the coefficients is low, the others are divided by variance^(p/2). */
export interface SplitChoice {
  q: number;
  p: 0 | 1 | 2;
}

/** The expected number of requests to `attack` if all traffic is of this kind; null = it has no power there. */
export interface Power {
  attack: string;
  epsilon: number;
  /** Accuracy on the attacked rows. */
  accuracy: number;
  expectedRequests: number | null;
}

export interface TestCalibration {
  enabled: boolean;
  /** Why the test is refused for this model. */
  reason: string | null;
  /** Median over the attacks that cost accuracy of mean score - allowed. */
  gap: number | null;
  /** The harmless change that comes closest to an attack. */
  worstKind: string | null;
  power: Power[];
}

/** Bounds of the test without labels. */
export interface AimBounds {
  /** Highest tolerated mean of Z. */
  m0: { abs: number; maxabs: number };
  /** Highest tolerated rate of the two strong events. */
  p0: [number, number];
  /** Mean of Z that an attack on the share `f` of the traffic would reach at least; null = no `drift` verdict. */
  drift: { statistic: 'abs' | 'maxabs'; m1: number; f: number } | null;
}

export interface AimCalibration extends TestCalibration {
  config: SplitChoice | null;
  bounds: AimBounds | null;
}

export interface GateModel {
  /** Coefficients of each band. */
  bands: number[][];
  /** Mean energy of each band on trusted rows. */
  energy: number[];
  /** Standardisation and weights of the log energies. */
  mean: number[];
  deviation: number[];
  weights: number[];
  bias: number;
  /** Only rows whose score is above are selected. */
  threshold: number;
}

export interface GatedCalibration extends AimCalibration {
  gate: GateModel | null;
  /** Share of attacked rows (median over attacks) and of held-out trusted rows that the gate selects. */
  selects: { attacked: number; trusted: number } | null;
}

/** Bounds of the labelled test for one group size. */
export interface LabelledBounds {
  /** Highest tolerated mean of Z, margin included. */
  m: { near: number; max: number };
  /** As in AimBounds, on `near`. */
  drift: { m1: number; f: number } | null;
}

export interface LabelledCalibration extends TestCalibration {
  config: SplitChoice | null;
  /** For pairs, and for groups of more than two. */
  bounds: { pair: LabelledBounds; group: LabelledBounds } | null;
}
