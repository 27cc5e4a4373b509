import { openEsr, thresholdRule, updateEsr, type EsrState, type SignalCalibration } from '#change-detection';
import { DEFAULT_DETECTION, type Sample } from '#contracts';
import { rowsOf } from './counts.js';
import type { Protection } from './context.js';
import type { RevisionState, RuleState, SignalState } from './state.js';

const SMALLEST = 1e-4;
const MEMORY = 0.05;
/** Evidence of the error watch stops growing there, so that it can also fall again. */
const WATCH_CEILING = 100;

/**
 * The signals of a revision with their tolerated means, fixed before the first row: the average over a set that was chosen by what has
 * been seen would not keep the budget. The labelled error is always among them; custom ones are those that the policy tolerates by name.
 */
export function declaredSignals({ detection, revisions }: Protection, revision: string): Map<string, number> {
  const declared = new Map<string, number>([['error', DEFAULT_DETECTION.tolerances.error!]]);
  const calibration = revisions?.get(revision)?.calibration;
  if (calibration) {
    for (const [name, { enabled, tolerance }] of Object.entries(calibration.signals) as [string, SignalCalibration][]) {
      if (enabled) declared.set(name, tolerance);
    }
  }
  for (const [name, tolerance] of Object.entries(detection.tolerances)) declared.set(name, tolerance);
  return new Map(
    [...declared].map(([name, tolerance]) => [name, Math.min(1 - SMALLEST, Math.max(SMALLEST, tolerance))]),
  );
}

/** All that the detectors of a revision are started with, as one text to compare. */
export const declaration = (protection: Protection, revision: string): string =>
  JSON.stringify([...declaredSignals(protection, revision), ...protection.detection.thresholds]);

/** A revision as it starts, or starts again after an anomaly or with other tolerances. */
export function openRevision(
  protection: Protection,
  revision: string,
  time: string,
  kept?: RevisionState,
): RevisionState {
  const declared = declaredSignals(protection, revision);
  return {
    calibration: protection.revisions?.get(revision)?.calibrationId ?? null,
    declared: declaration(protection, revision),
    signals: Object.fromEntries(
      [...declared].map(([name, tolerance]): [string, SignalState] => [name, { esr: openEsr(tolerance), recent: 0 }]),
    ),
    rules: protection.detection.thresholds.map((rule) => ({ ...rule, state: thresholdRule(rule).open() })),
    errorWatch: errorWatchFor(protection, revision, kept),
    examinedBefore: kept ? examined(kept) : 0,
    counts: {},
    flagged: kept?.flagged ?? [],
    window: kept?.window ?? { from: time, counts: {}, correct: 0 },
    anomaly: null,
  };
}

/** Rows examined on this revision so far. */
export const examined = ({ examinedBefore, counts }: RevisionState): number => examinedBefore + rowsOf(counts);

/** What is ignored, and why: `stale-calibration` counts samples, `unknown-signal` values. */
export type Ignored = 'stale-calibration' | 'unknown-signal' | 'unwatched-revision' | 'too-many-unprotected';

/**
 * The sample's values that count for this revision: of signals with a tolerance or a rule, computed with the calibration in force (or
 * with none at all). Whether a prediction was right does not depend on a calibration.
 */
export function valuesOf(state: RevisionState, sample: Sample): { values: Map<string, number>; ignored: Ignored[] } {
  const said = new Map(Object.entries(sample.signals ?? {}));
  if (sample.correct !== undefined) said.set('error', sample.correct ? 0 : 1);
  const stale = sample.calibration !== undefined && sample.calibration !== state.calibration;
  const values = new Map<string, number>();
  const ignored = new Set<Ignored>();
  for (const [name, x] of said) {
    if (stale && name !== 'error') ignored.add('stale-calibration');
    else if (Object.hasOwn(state.signals, name) || state.rules.some(({ signal }) => signal === name))
      values.set(name, x);
    else ignored.add('unknown-signal');
  }
  return { values, ignored: [...ignored] };
}

export const remember = (signal: SignalState, x: number): SignalState => ({
  ...signal,
  recent: signal.recent + MEMORY * (x - signal.recent),
});

/** Goes on over anomalies and calibrations, as long as the same error is tolerated. */
export function errorWatchFor(protection: Protection, revision: string, kept?: RevisionState): EsrState {
  const tolerance = declaredSignals(protection, revision).get('error')!;
  return kept?.errorWatch.tolerance === tolerance ? kept.errorWatch : openEsr(tolerance);
}

export function updateErrorWatch(watch: EsrState, error: number, budget: number): EsrState {
  const next = updateEsr(watch, error);
  const ceiling = (WATCH_CEILING * budget) / next.bets.length;
  return { ...next, bets: next.bets.map((bet) => Math.min(bet, ceiling)) };
}

/** The plain rules after these values, and the signals of those that alarm now. */
export function applyRules(
  rules: readonly RuleState[],
  values: ReadonlyMap<string, number>,
): { rules: RuleState[]; alarms: string[] } {
  const alarms: string[] = [];
  const after = rules.map((rule) => {
    const x = values.get(rule.signal);
    if (x === undefined) return rule;
    const detector = thresholdRule(rule);
    const state = detector.update(rule.state, x);
    if (detector.level(state) >= 1) alarms.push(rule.signal);
    return { ...rule, state };
  });
  return { rules: after, alarms };
}
