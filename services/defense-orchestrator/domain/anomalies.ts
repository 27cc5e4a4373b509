import type { AccuracyWindow, AnomalyRaised, EventData } from '#contracts';
import { contain, doesNoHarm } from './containment.js';
import { noCounts } from './defense.js';
import type { Draft } from './draft.js';
import { count } from './live.js';
import type { Anomaly } from './model.js';
import { obstacleTo, openDefense, suppress } from './opening.js';
import { protectedRevision } from './protection.js';

const REMEMBERED = 50;

/** May come after the verdict, when it was in the hands of a process that died: then it only tells when the alarm was. */
export function raised(draft: Draft, { anomalyId, revision, openedAt }: AnomalyRaised): void {
  const { anomalies, defense } = draft.model;
  const present = anomalies[revision];
  if (present?.anomalyId !== anomalyId) remember(draft, anomalyId, revision, openedAt);
  else if (openedAt < present.raisedAt) {
    present.raisedAt = openedAt;
    if (defense?.anomalyId === anomalyId) defense.alarmAt = openedAt;
  }
}

/** A new anomaly of a protected revision. null = late, repeated, or of a revision that is gone. */
function remember(draft: Draft, anomalyId: string, revision: string, raisedAt: string): Anomaly | null {
  const { model } = draft;
  if (model.seenAnomalies.includes(anomalyId) || !protectedRevision(draft, revision)) return null;
  model.seenAnomalies = [...model.seenAnomalies, anomalyId].slice(-REMEMBERED);
  return (model.anomalies[revision] = {
    anomalyId,
    revision,
    raisedAt,
    closed: false,
    verdict: null,
    verdictAt: null,
    statement: null,
    answer: 'none',
    attempts: 0,
    live: noCounts(),
    errorAlarm: false,
    containedAt: null,
    suppressedAt: null,
    belowGate: null,
  });
}

type VerdictData = EventData<'attack.detected' | 'drift.detected' | 'verdict.undetermined'>;

/** Anybody may say `attack` of an anomaly that nobody raised here. Any verdict may turn into `attack`, and into nothing else. */
export function judged(draft: Draft, verdict: NonNullable<Anomaly['verdict']>, data: VerdictData): void {
  const { anomalyId, revision, decidedAt, statement } = data;
  const present = draft.model.anomalies[revision];
  const anomaly = present?.anomalyId === anomalyId ? present : remember(draft, anomalyId, revision, decidedAt);
  if (!anomaly || anomaly.verdict === 'attack' || (anomaly.verdict !== null && verdict !== 'attack')) return;
  Object.assign(anomaly, { verdict, verdictAt: decidedAt, statement });
  if (anomaly.answer === 'asked' || anomaly.answer === 'ignored' || anomaly.answer === 'dismissed')
    anomaly.answer = 'none';
  respond(draft, anomaly);
}

/** What to do about an anomaly, as things are now. Called again whenever they may have changed; says nothing twice. */
export function respond(draft: Draft, anomaly: Anomaly): void {
  const { verdict, answer } = anomaly;
  const revision = protectedRevision(draft, anomaly.revision);
  if (!revision || verdict === null || verdict === 'drift') return;
  if (answer !== 'none' && answer !== 'contained' && answer !== 'suppressed') return;
  if (revision.certified && doesNoHarm(anomaly)) return contain(draft, anomaly, revision);
  const mayHarden = verdict === 'attack' || anomaly.belowGate || draft.spec.detection.onUndetermined === 'harden';
  if (!mayHarden) return askOrIgnore(draft, anomaly);
  const obstacle = obstacleTo(draft);
  if (obstacle) suppress(draft, anomaly, obstacle);
  else openDefense(draft, anomaly, null);
}

function askOrIgnore(draft: Draft, anomaly: Anomaly): void {
  if (draft.spec.detection.onUndetermined === 'ignore') {
    anomaly.answer = 'ignored';
    return;
  }
  anomaly.answer = 'asked';
  const { anomalyId, statement, revision } = anomaly;
  const question = `${draft.model.model}, revision ${revision}: ${statement ?? 'undetermined'} Harden it, or dismiss the anomaly?`;
  const about = { ...draft.name, anomalyId, defenseId: null, question, at: draft.now };
  draft.publish('defense.question', `question.${anomalyId}`, about, anomalyId);
}

export function closed(draft: Draft, { anomalyId, revision }: EventData<'anomaly.closed'>): void {
  const anomaly = draft.model.anomalies[revision];
  if (anomaly?.anomalyId === anomalyId) anomaly.closed = true;
}

/** Counts rows since the alarm, and notices when harm begins. */
export function observed(draft: Draft, window: AccuracyWindow): void {
  const anomaly = draft.model.anomalies[window.revision];
  if (!anomaly || anomaly.closed || !count(anomaly.live, window, anomaly.raisedAt)) return;
  anomaly.errorAlarm = window.errorAlarm;
  if (anomaly.answer === 'contained' || anomaly.answer === 'suppressed') respond(draft, anomaly);
}

/** Suppressed ones get their turn when the obstacle is gone and the anomaly is not. */
export function lookAgain(draft: Draft): void {
  for (const anomaly of Object.values(draft.model.anomalies)) {
    if (!anomaly.closed && anomaly.answer === 'suppressed' && !obstacleTo(draft)) respond(draft, anomaly);
  }
}
