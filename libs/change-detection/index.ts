export { combinedEvidence, type EsrState, esrDetector, evidence, openEsr, updateEsr } from './sequential/esr.js';
export type { Detector } from './sequential/detector.js';
export { thresholdRule, type ThresholdState } from './sequential/threshold-rule.js';
export { errorTolerance, flagTolerance, upperBound } from './tolerance.js';
export { type Proportion, wilson, wilsonUpper } from './proportion.js';
export { predictedClass } from './signals/probabilities.js';
export {
  type LabelFreeSignal,
  type PreparedSignals,
  prepareSignals,
  rowSignals,
  squeezedInput,
} from './signals/signals.js';
export { aimClasses } from './aim/directions.js';
export { gateSelects } from './aim/gate.js';
export {
  aimedRow,
  type AimedRow,
  aimPair,
  labelledTable,
  type LabelledRow,
  type MemberStatistics,
  type PairStatistics,
} from './aim/rows.js';
export { prepareSplit, splitRow, type SplitRow, type Splitter } from './aim/split.js';
export { groupOf, type GroupStatistics } from './aim/swap-score.js';
export type { TestEvidence } from './verdict/evidence.js';
export {
  enabledTests,
  openTests,
  type TestInput,
  type TestState,
  updateTests,
  type Verdict,
  verdictOf,
} from './verdict/verdict.js';
export { calibrate, type CalibrationOptions } from './calibration/calibrate.js';
export type { CalibrationAttack, TrustedRows } from './calibration/material.js';
export {
  type Calibration,
  METHOD,
  type Power,
  type SignalCalibration,
  type SignalName,
  type TestCalibration,
  type TestName,
} from './calibration/calibration.js';
export { CalibrationError } from './errors.js';
export type { ChooseClasses, InputShape, LogitsAndGradients, ModelFunctions } from './model.js';
