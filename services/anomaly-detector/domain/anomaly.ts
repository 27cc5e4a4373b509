import { combinedEvidence, evidence, openTests, updateEsr } from '#change-detection';
import type { EventData, RequestRow, Sample, SignalEvidence } from '#contracts';
import { counted } from './counts.js';
import { caused, type Caused, type Protection } from './context.js';
import type { Position } from './position.js';
import { trackQuiet } from './quiet.js';
import { applyRules, examined, openRevision, remember, updateErrorWatch, valuesOf, type Ignored } from './signals.js';
import { own } from './own.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';

const EXAMPLES = 10;

export const signalEvidence = (state: RevisionState): SignalEvidence[] =>
  Object.entries(state.signals).map(([name, { esr, recent }]) => ({
    name,
    value: Math.min(evidence(esr), Number.MAX_VALUE),
    mean: recent,
    tolerance: esr.tolerance,
  }));

const rowOf = ({ id, row }: Sample): RequestRow | null => (id === undefined ? null : { id, row: row ?? 0 });

/** One sample at its place in the stream: stage 1 while all is quiet, the way back to quiet while an anomaly is open. */
export function applySample(
  model: ModelState,
  revision: string,
  sample: Sample,
  { protection, at, index }: { protection: Protection; at: Position; index: number },
): { state: RevisionState; events: Caused[]; ignored: Ignored[] } {
  const { budget } = protection.detection;
  const before = own(model.revisions, revision) ?? openRevision(protection, revision, at.time);
  const { values, ignored } = valuesOf(before, sample);
  if (values.size === 0) return { state: before, events: [], ignored };
  const state = count(before, sample, values, budget);
  if (state.anomaly) return { ...trackQuiet(model, revision, state, values, { protection, time: at.time }), ignored };
  const { rules, alarms } = applyRules(state.rules, values);
  const next = { ...state, rules };
  const statistic = combinedEvidence(Object.values(state.signals).map(({ esr }) => esr));
  if (alarms.length === 0 && statistic < budget) return { state: next, events: [], ignored };
  const raised = raise(model, revision, next, { protection, at, index, statistic, alarms, trigger: rowOf(sample) });
  return { ...raised, ignored };
}

function count(
  before: RevisionState,
  sample: Sample,
  values: ReadonlyMap<string, number>,
  budget: number,
): RevisionState {
  const error = values.get('error');
  const example = [...values.values()].some((x) => x > 0) ? rowOf(sample) : null;
  const { window, anomaly } = before;
  return {
    ...before,
    counts: counted(before.counts, values.keys()),
    flagged: example ? [...before.flagged, example].slice(-EXAMPLES) : before.flagged,
    errorWatch: error === undefined ? before.errorWatch : updateErrorWatch(before.errorWatch, error, budget),
    window: {
      from: window.from,
      counts: counted(window.counts, values.keys()),
      correct: window.correct + (error === undefined ? 0 : 1 - error),
    },
    signals: Object.fromEntries(
      Object.entries(before.signals).map(([name, signal]) => {
        const x = values.get(name);
        if (x === undefined) return [name, signal];
        const seen = remember(signal, x);
        return [name, anomaly ? seen : { ...seen, esr: updateEsr(signal.esr, x) }];
      }),
    ),
    anomaly: anomaly && { ...anomaly, counts: counted(anomaly.counts, values.keys()) },
  };
}

interface Alarm {
  protection: Protection;
  at: Position;
  index: number;
  statistic: number;
  alarms: string[];
  trigger: RequestRow | null;
}

/** The time is part of it: in a stream that was made anew the sequences come again. */
const anomalyId = ({ namespace, model }: ModelState, revision: string, { at, index }: Alarm): string =>
  `${namespace}.${model}.${revision}.${at.time.replace(/\D/g, '')}-${at.sequence}-${index}`;

function raise(
  of: ModelState,
  revision: string,
  state: RevisionState,
  alarm: Alarm,
): { state: RevisionState; events: Caused[] } {
  const { at, statistic, alarms, trigger } = alarm;
  const { detection, revisions } = alarm.protection;
  const calibration = revisions?.get(revision)?.calibration;
  const groupSize = detection.labelGroupSize;
  // The average of the evidences reached the budget, so at least one of them did.
  const loud = Object.keys(state.signals).filter((name) => evidence(state.signals[name]!.esr) >= detection.budget);
  const anomaly: OpenAnomaly = {
    id: anomalyId(of, revision, alarm),
    openedAt: at.time,
    calibration: state.calibration,
    loud: [...new Set([...loud, ...alarms])],
    counts: {},
    tests: calibration ? openTests(calibration, { groupSize }) : [],
    groups: {},
    labelSeen: false,
    verdict: null,
    quiet: {},
  };
  const data: EventData<'anomaly.raised'> = {
    namespace: of.namespace,
    model: of.model,
    revision,
    anomalyId: anomaly.id,
    calibration: state.calibration,
    openedAt: at.time,
    budget: detection.budget,
    statistic: Math.min(statistic, Number.MAX_VALUE),
    signals: signalEvidence(state),
    examined: examined(state),
    trigger,
    examples: state.flagged,
    tests: anomaly.tests.map(({ test }) => test),
    groupSize,
    labelDeadlineSeconds: detection.labelDeadlineSeconds,
  };
  return { state: { ...state, anomaly }, events: [caused('anomaly.raised', `raised/${anomaly.id}`, data, anomaly.id)] };
}
