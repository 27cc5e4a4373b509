import { openEsr, thresholdRule, updateEsr, type EsrState } from '#change-detection';
import { DEFAULT_DETECTION, type Sample } from '#contracts';
import type { Protection } from './context.js';
import type { RevisionState, SignalState } from './state.js';

const SMALLEST = 1e-4;
const MEMORY = 0.05;
/** Evidence of the error watch stops growing there, so that it can also fall again. */
const WATCH_CEILING = 100;

/**
 * The signals of a revision with their tolerated means, fixed before the first row: the average over a set that was chosen by what has
 * been seen would not keep the budget. The labelled error is always among them; custom ones are those that the policy tolerates by name.
 */
export function declaredSignals(protection: Protection, revision: string): Map<string, number> {
  const { detection } = protection;
  const calibration = protection.revisions.get(revision)?.calibration;
  const declared = new Map<string, number>([['error', DEFAULT_DETECTION.tolerances.error!]]);
  for (const [name, { enabled, tolerance }] of Object.entries(calibration?.signals ?? {})) {
    if (enabled) declared.set(name, tolerance);
  }
  for (const [name, tolerance] of Object.entries(detection.tolerances)) declared.set(name, tolerance);
  return new Map(
    [...declared].map(([name, tolerance]) => [name, Math.min(1 - SMALLEST, Math.max(SMALLEST, tolerance))]),
  );
}

const rulesOf = ({ detection }: Protection) =>
  detection.thresholds.map((rule) => ({ ...rule, detector: thresholdRule(rule) }));

/** A revision as it starts, or starts again after an anomaly or with another calibration. */
export function openRevision(
  protection: Protection,
  revision: string,
  time: string,
  kept?: RevisionState,
): RevisionState {
  const declared = declaredSignals(protection, revision);
  return {
    calibration: protection.revisions.get(revision)?.calibrationId ?? null,
    signals: Object.fromEntries(
      [...declared].map(([name, tolerance]): [string, SignalState] => [name, { esr: openEsr(tolerance), recent: 0 }]),
    ),
    rules: rulesOf(protection).map(({ detector }) => detector.open()),
    errorWatch: kept?.errorWatch ?? openEsr(declared.get('error')!),
    examined: kept?.examined ?? 0,
    flagged: kept?.flagged ?? [],
    window: kept?.window ?? { from: time, n: 0, labelled: 0, correct: 0 },
    anomaly: null,
  };
}

/** The sample's signals that count for this revision: declared ones, computed with the calibration in force (or with none at all). */
export function countedSignals(state: RevisionState, sample: Sample): Map<string, number> {
  const values = new Map(Object.entries(sample.signals ?? {}));
  if (sample.correct !== undefined) values.set('error', sample.correct ? 0 : 1);
  const stale = sample.calibration !== undefined && sample.calibration !== state.calibration;
  return new Map([...values].filter(([name]) => name in state.signals && (!stale || name === 'error')));
}

/** Late knowledge of a row that was counted when it was examined. */
const LATE = ['error', 'mismatch'];

/** Does the sample stand for a row of its own? Labels and mismatches of an examined model come after the row itself. */
export function isRow(state: RevisionState, counted: ReadonlyMap<string, number>): boolean {
  if (state.calibration === null) return counted.size > 0;
  return [...counted.keys()].some((name) => !LATE.includes(name));
}

export const remember = (signal: SignalState, x: number): SignalState => ({
  ...signal,
  recent: signal.recent + MEMORY * (x - signal.recent),
});

export function updateErrorWatch(watch: EsrState, error: number, budget: number): EsrState {
  const next = updateEsr(watch, error);
  const ceiling = (WATCH_CEILING * budget) / next.bets.length;
  return { ...next, bets: next.bets.map((bet) => Math.min(bet, ceiling)) };
}

/** The plain rules after these values; true where one of them alarms. */
export function applyRules(protection: Protection, state: RevisionState, counted: ReadonlyMap<string, number>) {
  const rules = rulesOf(protection).map(({ signal, detector }, i) => {
    const before = state.rules[i] ?? detector.open();
    const x = counted.get(signal);
    const after = x === undefined ? before : detector.update(before, x);
    return { after, alarm: x !== undefined && detector.level(after) >= 1 };
  });
  return { rules: rules.map(({ after }) => after), alarm: rules.some(({ alarm }) => alarm) };
}
