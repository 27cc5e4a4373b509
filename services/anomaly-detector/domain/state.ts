import type { EsrState, TestState, ThresholdState } from '#change-detection';
import type { RequestRow } from '#contracts';
import type { Counts } from './counts.js';

/** All that the detector remembers of one model. Plain JSON: it is stored after every batch of messages. */
export interface ModelState {
  namespace: string;
  model: string;
  revisions: Record<string, RevisionState>;
}

export interface RevisionState {
  /** Id of the calibration that the signals' tolerances come from. */
  calibration: string | null;
  /** Tolerances and rules that the detectors were started with; others start them anew. */
  declared: string;
  signals: Record<string, SignalState>;
  rules: RuleState[];
  /** The labelled error alone, also while an anomaly is open: whether an attack costs accuracy. */
  errorWatch: EsrState;
  /** Rows examined before the detectors' last start. */
  examinedBefore: number;
  /** Since then. */
  counts: Counts;
  /** The latest rows that a signal flagged. */
  flagged: RequestRow[];
  /** Since the last `accuracy.window`. */
  window: { from: string; counts: Counts; correct: number };
  anomaly: OpenAnomaly | null;
}

export interface SignalState {
  esr: EsrState;
  /** Share of flagged rows, over some twenty of them. */
  recent: number;
}

export interface RuleState {
  signal: string;
  above: number;
  window: number;
  state: ThresholdState;
}

export interface OpenAnomaly {
  id: string;
  openedAt: string;
  /** Calibration in force at the opening: what the tests were opened with. */
  calibration: string | null;
  /** Signals that raised it. */
  loud: string[];
  /** Since the opening. */
  counts: Counts;
  tests: TestState[];
  groups: Record<string, LabelledGroup>;
  labelSeen: boolean;
  /** What has been published. */
  verdict: 'attack' | 'drift' | 'undetermined' | null;
  /** Values of each signal in the present block: a block within all tolerances ends the anomaly. */
  quiet: Record<string, { n: number; sum: number }>;
}

/** Waits until the labels of all its members are there, or its time is over. */
export interface LabelledGroup {
  due: string;
  members: ({ near: number[]; max: number[] } | null)[];
}

export const emptyModel = (namespace: string, model: string): ModelState => ({ namespace, model, revisions: {} });

/** Nothing is known of it: it need not be kept. */
export const isEmpty = ({ revisions }: ModelState): boolean => Object.keys(revisions).length === 0;
