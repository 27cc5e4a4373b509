import type { AnomalyRaised, InputContract, ProtectedRevision, RequestRow } from '#contracts';

/** The files and shapes that decide what a row of a revision says: the same for every replica. */
export interface RevisionFiles {
  modelFile: NonNullable<ProtectedRevision['modelFile']>;
  calibration: ProtectedRevision['calibration'];
  inputs: InputContract;
}

export type Suspicion = Pick<AnomalyRaised, 'anomalyId' | 'tests' | 'groupSize'>;

/** Rows of one revision, in the order in which they came. */
export interface ExaminationRequest {
  files: RevisionFiles;
  members: RequestRow[];
  /** members x features. */
  x: Float32Array;
  /** The open anomaly: its costlier statistics are wanted too. */
  suspicion?: Suspicion;
}

export interface ExaminedRow {
  /** What the model file answers. */
  class: number;
  /** Label-free signals, 0 or 1 each; none without a calibration. */
  signals: Record<string, number>;
}

export interface AimPair {
  test: 'aim' | 'gated';
  members: [RequestRow, RequestRow];
  T: { abs: number[]; maxabs: number[] };
}

export interface LabelledGroup {
  members: RequestRow[];
  /** [member][class]: the statistics if the member's label turns out to be that class. */
  tables: { near: number[]; max: number[] }[][];
}

export interface Examination {
  rows: ExaminedRow[];
  pairs: AimPair[];
  groups: LabelledGroup[];
}

export interface Examiner {
  /** Rows of one revision are examined in the order of the calls. Rejects with ModelUnavailableError. */
  examine(request: ExaminationRequest): Promise<Examination>;
}

/** The files of a revision cannot be used: missing, changed, malformed, or an operation that is not supported. */
export class ModelUnavailableError extends Error {
  override readonly name = 'ModelUnavailableError';
}
