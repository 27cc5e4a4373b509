import type { ModelFunctions } from '../model.js';
import type { Uniform } from '../randomness.js';
import type { SplitCalibration } from './calibration.js';
import type { Condition } from './conditions.js';
import type { TrustedRows } from './material.js';

/** What the three tests are calibrated from. */
export interface TestMaterial {
  model: ModelFunctions;
  split: SplitCalibration;
  /** All trusted rows in random order; the first of them are `fitted`. */
  rows: TrustedRows;
  fitted: TrustedRows;
  conditions: readonly Condition[];
  cleanAccuracy: number;
  random: Uniform;
  signal?: AbortSignal;
}
