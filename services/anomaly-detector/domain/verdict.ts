import { evidence, groupOf, updateTests, verdictOf, type PairStatistics } from '#change-detection';
import type { AimLabel, AimSample, EventData } from '#contracts';
import { signalEvidence } from './anomaly.js';
import { caused, type Caused, type Protection } from './context.js';
import { rowsOf } from './counts.js';
import { own } from './own.js';
import type { LabelledGroup, ModelState, OpenAnomaly, RevisionState } from './state.js';

/** Groups that wait for labels; beyond it the oldest one that has none is given up. */
const MOST_GROUPS = 2000;

/** A pair for the tests without labels, or a group that now waits for its labels. */
export function addGroup(anomaly: OpenAnomaly, { test, group, members, T }: AimSample, due: string): OpenAnomaly {
  if (test !== 'labelled') {
    return T
      ? { ...anomaly, tests: updateTests(anomaly.tests, { test, pair: T as unknown as PairStatistics }) }
      : anomaly;
  }
  if (Object.hasOwn(anomaly.groups, group)) return anomaly;
  const groups = { ...anomaly.groups, [group]: { due, members: members.map(() => null) } };
  const names = Object.keys(groups);
  if (names.length > MOST_GROUPS) {
    const idle = names.find((name) => groups[name]!.members.every((member) => member === null)) ?? names[0]!;
    delete groups[idle];
  }
  return { ...anomaly, groups };
}

/** A label has come. The group closes with its last one. */
export function addLabel(anomaly: OpenAnomaly, { group, member, T }: AimLabel): OpenAnomaly {
  const waiting = own(anomaly.groups, group);
  if (waiting?.members[member] !== null) return anomaly;
  const members = waiting.members.map((known, i) => (i === member ? T : known));
  const next = { ...anomaly, labelSeen: true, groups: { ...anomaly.groups, [group]: { ...waiting, members } } };
  return members.every((known) => known !== null) ? closeGroup(next, group) : next;
}

/** Feeds a group to the labelled test, with the labels that have come. */
function closeGroup(anomaly: OpenAnomaly, name: string): OpenAnomaly {
  const { [name]: group, ...groups } = anomaly.groups;
  return {
    ...anomaly,
    groups,
    tests: updateTests(anomaly.tests, { test: 'labelled', group: groupOf((group as LabelledGroup).members) }),
  };
}

/** Groups whose time is over, in the order of their deadlines. */
export function closeOverdue(anomaly: OpenAnomaly, time: string): OpenAnomaly {
  return Object.entries(anomaly.groups)
    .filter(([, { due }]) => due <= time)
    .sort(([, a], [, b]) => a.due.localeCompare(b.due))
    .reduce((state, [name]) => closeGroup(state, name), anomaly);
}

export const secondsAfter = (time: string, seconds: number): string =>
  new Date(Date.parse(time) + 1000 * seconds).toISOString();

/** Enough rows have been looked at, and labels that could still decide have had their time. */
function isOutOfTime(anomaly: OpenAnomaly, { detection }: Protection, time: string): boolean {
  if (rowsOf(anomaly.counts) < detection.undeterminedAfter) return false;
  const labelsMayCome = anomaly.labelSeen && Object.keys(anomaly.groups).length > 0;
  // Bounded from the opening: groups go on opening as long as labels flow, and would hold it up for ever.
  return !labelsMayCome || time >= secondsAfter(anomaly.openedAt, detection.labelDeadlineSeconds);
}

const RANK = { undetermined: 1, drift: 1, attack: 2 };

/** Says the verdict when it has become one, or when drift or undetermined has turned into an attack. Never the other way round. */
export function decide(
  { namespace, model }: ModelState,
  revision: string,
  state: RevisionState,
  { protection, time }: { protection: Protection; time: string },
): { state: RevisionState; events: Caused[] } {
  const anomaly = state.anomaly;
  if (!anomaly) return { state, events: [] };
  const outOfTime = isOutOfTime(anomaly, protection, time);
  const { kind, reason, statement, evidence: tests } = verdictOf(anomaly.tests, { outOfTime });
  if (kind === 'open' || RANK[kind] <= (anomaly.verdict ? RANK[anomaly.verdict] : 0)) return { state, events: [] };
  const data: EventData<'drift.detected'> = {
    namespace,
    model,
    revision,
    anomalyId: anomaly.id,
    calibration: anomaly.calibration,
    decidedAt: time,
    statement,
    evidence: tests,
    signals: signalEvidence(state),
    budget: protection.detection.budget,
    requests: { sinceAlarm: rowsOf(anomaly.counts) },
    examples: state.flagged,
  };
  const id = `verdict/${anomaly.id}/${kind}`;
  const event =
    kind === 'attack'
      ? caused('attack.detected', id, { ...data, severity: severityOf(state, protection), atlas: ATLAS }, anomaly.id)
      : kind === 'drift'
        ? caused('drift.detected', id, data, anomaly.id)
        : caused('verdict.undetermined', id, { ...data, reason: reason ?? 'not-decided' }, anomaly.id);
  return { state: { ...state, anomaly: { ...anomaly, verdict: kind } }, events: [event] };
}

/** MITRE ATLAS: Evade ML Model; Craft Adversarial Data. */
const ATLAS = ['AML.T0015', 'AML.T0043'];

/** Critical when labels, also those since the alarm, show that accuracy suffers; otherwise by the share of the latest rows that stand out. */
function severityOf(state: RevisionState, { detection }: Protection): EventData<'attack.detected'>['severity'] {
  if (evidence(state.errorWatch) >= detection.budget) return 'critical';
  const share = Math.max(...Object.values(state.signals).map(({ recent }) => recent));
  return share >= 0.5 ? 'high' : share >= 0.1 ? 'medium' : 'low';
}
