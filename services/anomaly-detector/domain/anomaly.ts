import { combinedEvidence, evidence, openTests, updateEsr } from '#change-detection';
import type { EventData, RequestRow, Sample, SignalEvidence } from '#contracts';
import { caused, type Caused, type Position, type Protection } from './context.js';
import { applyRules, countedSignals, isRow, openRevision, remember, updateErrorWatch } from './signals.js';
import type { ModelState, OpenAnomaly, RevisionState } from './state.js';

const EXAMPLES = 10;
/** Fewer values of a signal say nothing about its mean in a block. */
const FEWEST = 10;

export interface Applied {
  state: RevisionState;
  events: Caused[];
}

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
): Applied {
  const before = model.revisions[revision] ?? openRevision(protection, revision, at.time);
  const counted = countedSignals(before, sample);
  if (counted.size === 0) return { state: before, events: [] };
  const row = isRow(before, counted);
  const { rules, alarm } = applyRules(protection, before, counted);
  const state = { ...count(before, sample, counted, row, protection.detection.budget), rules };
  if (state.anomaly) return trackQuiet(model, revision, state, counted, row, { protection, at });
  const statistic = combinedEvidence(Object.values(state.signals).map(({ esr }) => esr));
  if (!alarm && statistic < protection.detection.budget) return { state, events: [] };
  return raise(model, revision, state, { protection, at, index, statistic, trigger: rowOf(sample) });
}

function count(
  before: RevisionState,
  sample: Sample,
  counted: ReadonlyMap<string, number>,
  row: boolean,
  budget: number,
): RevisionState {
  const error = counted.get('error');
  const labelled = error === undefined ? 0 : 1;
  const example = [...counted.values()].some((x) => x > 0) ? rowOf(sample) : null;
  const { window } = before;
  return {
    ...before,
    examined: before.examined + (row ? 1 : 0),
    flagged: example ? [...before.flagged, example].slice(-EXAMPLES) : before.flagged,
    errorWatch: error === undefined ? before.errorWatch : updateErrorWatch(before.errorWatch, error, budget),
    window: {
      from: window.from,
      n: window.n + (row ? 1 : 0),
      labelled: window.labelled + labelled,
      correct: window.correct + labelled * (1 - (error ?? 0)),
    },
    signals: Object.fromEntries(
      Object.entries(before.signals).map(([name, signal]) => {
        const x = counted.get(name);
        if (x === undefined) return [name, signal];
        const seen = remember(signal, x);
        return [name, before.anomaly ? seen : { ...seen, esr: updateEsr(signal.esr, x) }];
      }),
    ),
  };
}

function raise(
  { namespace, model }: ModelState,
  revision: string,
  state: RevisionState,
  cause: { protection: Protection; at: Position; index: number; statistic: number; trigger: RequestRow | null },
): Applied {
  const { protection, at, index, statistic, trigger } = cause;
  const { detection, revisions } = protection;
  const calibration = revisions.get(revision)?.calibration;
  const groupSize = detection.labelGroupSize;
  const anomaly: OpenAnomaly = {
    id: `${namespace}.${model}.${revision}.${at.sequence}-${index}`,
    openedAt: at.time,
    calibration: state.calibration,
    examinedBefore: state.examined,
    tests: calibration ? openTests(calibration, { groupSize }) : [],
    groupSize,
    groups: {},
    labelSeen: false,
    verdict: null,
    quiet: { rows: 0, sums: {} },
  };
  const data: EventData<'anomaly.raised'> = {
    namespace,
    model,
    revision,
    anomalyId: anomaly.id,
    calibration: state.calibration,
    openedAt: at.time,
    budget: detection.budget,
    statistic: Math.min(statistic, Number.MAX_VALUE),
    signals: signalEvidence(state),
    examined: state.examined,
    trigger,
    examples: state.flagged,
    tests: anomaly.tests.map(({ test }) => test),
    groupSize,
    labelDeadlineSeconds: detection.labelDeadlineSeconds,
  };
  return { state: { ...state, anomaly }, events: [caused('anomaly.raised', `raised/${anomaly.id}`, data, anomaly.id)] };
}

/** After a whole block of rows in which every signal's mean lies within its tolerance the anomaly is over. */
function trackQuiet(
  model: ModelState,
  revision: string,
  state: RevisionState,
  counted: ReadonlyMap<string, number>,
  row: boolean,
  { protection, at }: { protection: Protection; at: Position },
): Applied {
  const anomaly = state.anomaly!;
  const sums = { ...anomaly.quiet.sums };
  for (const [name, x] of counted) sums[name] = { n: (sums[name]?.n ?? 0) + 1, sum: (sums[name]?.sum ?? 0) + x };
  const rows = anomaly.quiet.rows + (row ? 1 : 0);
  const withQuiet = (quiet: OpenAnomaly['quiet']): Applied => ({
    state: { ...state, anomaly: { ...anomaly, quiet } },
    events: [],
  });
  if (rows < protection.detection.quietAfter) return withQuiet({ rows, sums });
  const loud = Object.entries(sums).some(
    ([name, { n, sum }]) => n >= FEWEST && sum / n > state.signals[name]!.esr.tolerance,
  );
  if (loud) return withQuiet({ rows: 0, sums: {} });
  return {
    state: openRevision(protection, revision, at.time, state),
    events: closingEvents(model, revision, anomaly, 'quiet', at.time),
  };
}

export function closingEvents(
  { namespace, model }: ModelState,
  revision: string,
  { id, verdict }: OpenAnomaly,
  reason: 'quiet' | 'revision-gone',
  time: string,
): Caused[] {
  const of = { namespace, model, revision, anomalyId: id };
  const closed = caused('anomaly.closed', `closed/${id}`, { ...of, closedAt: time, reason, verdict }, id);
  return verdict === 'attack'
    ? [closed, caused('attack.subsided', `subsided/${id}`, { ...of, at: time }, id)]
    : [closed];
}
