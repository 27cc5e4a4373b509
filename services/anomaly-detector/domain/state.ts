import type { EsrState, TestState, ThresholdState } from '#change-detection';
import type { RequestRow } from '#contracts';

/** All that the detector remembers of one model. Plain JSON: it is stored after every batch of messages. */
export interface ModelState {
  namespace: string;
  model: string;
  revisions: Record<string, RevisionState>;
}

export interface RevisionState {
  /** Id of the calibration that the signals' tolerances come from; a new one starts them anew. */
  calibration: string | null;
  signals: Record<string, SignalState>;
  rules: ThresholdState[];
  /** The labelled error alone, also while an anomaly is open: whether an attack costs accuracy. */
  errorWatch: EsrState;
  /** Rows examined so far. */
  examined: number;
  /** The latest rows that a signal flagged. */
  flagged: RequestRow[];
  /** Since the last `accuracy.window`. */
  window: { from: string; n: number; labelled: number; correct: number };
  anomaly: OpenAnomaly | null;
}

export interface SignalState {
  esr: EsrState;
  /** Share of flagged rows, over some twenty of them. */
  recent: number;
}

export interface OpenAnomaly {
  id: string;
  openedAt: string;
  /** Calibration in force at the opening: what the tests were opened with. */
  calibration: string | null;
  /** `examined` at the opening. */
  examinedBefore: number;
  tests: TestState[];
  groupSize: number;
  groups: Record<string, LabelledGroup>;
  labelSeen: boolean;
  /** What has been published. */
  verdict: 'attack' | 'drift' | 'undetermined' | null;
  /** Rows and sums of each signal in the present block: a block within all tolerances ends the anomaly. */
  quiet: { rows: number; sums: Record<string, { n: number; sum: number }> };
}

/** Waits until the labels of all its members are there, or its time is over. */
export interface LabelledGroup {
  due: string;
  members: ({ near: number[]; max: number[] } | null)[];
}

export const emptyModel = (namespace: string, model: string): ModelState => ({ namespace, model, revisions: {} });
