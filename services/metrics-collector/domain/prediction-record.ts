/** What the model answered, by the revision that answered. */
export interface Prediction {
  class: number;
  revision: string;
  /** Calibration of that revision at the time. */
  calibration?: string;
}

/** A row in a labelled group of an open anomaly: its statistics for each class that its label may turn out to be. */
export interface LabelledMember {
  anomalyId: string;
  revision: string;
  group: string;
  member: number;
  /** Index = class. */
  tables: { near: number[]; max: number[] }[];
  labelDeadlineSeconds: number;
}

/** What is known of one row of one request. Its parts come from different processes, in any order, and more than once. */
export interface PredictionRecord {
  /** From the logged response. */
  predicted?: Prediction;
  /** From the logged request, by running the revision's own ONNX file. */
  expected?: Prediction;
  label?: number;
  member?: LabelledMember;
}

export type Finding =
  | { kind: 'error' | 'mismatch'; value: 0 | 1; revision: string; calibration?: string }
  | { kind: 'aim-label'; member: LabelledMember; label: number };

export interface Observation {
  record: PredictionRecord;
  findings: Finding[];
}

/**
 * Adds what has become known. The first of each part wins, so a repeated or colliding id changes nothing; each finding appears
 * with the part that completes it, once.
 */
export function observe(before: PredictionRecord, news: PredictionRecord): Observation {
  const record = { ...news, ...before };
  const findings: Finding[] = [];
  const isNew = (...parts: (keyof PredictionRecord)[]) =>
    parts.every((part) => record[part] !== undefined) && parts.some((part) => before[part] === undefined);

  const { predicted, expected, label, member } = record;
  if (predicted && isNew('predicted', 'label')) {
    const { revision, calibration } = predicted;
    findings.push({ kind: 'error', value: predicted.class === label ? 0 : 1, revision, calibration });
  }
  // Two revisions under one id are two requests: nothing to compare.
  if (predicted && expected?.revision === predicted.revision && isNew('predicted', 'expected')) {
    const { revision, calibration } = expected;
    findings.push({ kind: 'mismatch', value: predicted.class === expected.class ? 0 : 1, revision, calibration });
  }
  // A label outside the model's classes is an error, but there is no direction for it.
  if (member && label !== undefined && label < member.tables.length && isNew('member', 'label')) {
    findings.push({ kind: 'aim-label', member, label });
  }
  return { record, findings };
}
