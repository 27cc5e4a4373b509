import { ids, type Defense } from './defense.js';
import { secondsBetween, type Draft } from './draft.js';
import { requestTraining } from './jobs.js';
import type { Anomaly } from './model.js';
import { protectedRevision } from './protection.js';
import { FIRST_STATE } from './states.js';
import { begin, moveTo } from './transition.js';

/** Opens the one defense that a model may have. `by`: the person who ordered it, whose approval needs no second asking. */
export function openDefense(draft: Draft, anomaly: Anomaly, by: string | null): void {
  anomaly.attempts++;
  anomaly.answer = 'defended';
  const reason = by ? `ordered by ${by}` : (anomaly.belowGate ?? anomaly.statement ?? 'attack detected');
  const defense = newDefense(draft, anomaly, ids.defense(anomaly.anomalyId, anomaly.attempts), reason);
  defense.approvedBy = by;
  draft.model.defense = defense;
  begin(draft, defense);
  if (!defense.baseline || !draft.context.dataset) {
    moveTo(draft, defense, 'failed', 'the policy names no artifact and trusted dataset: there is nothing to harden');
  } else if (draft.spec.approval === 'manual' && !by) {
    moveTo(draft, defense, 'awaiting-approval', 'the policy wants a person’s approval');
    const { defenseId, anomalyId } = defense;
    const question = `Harden ${draft.model.model}, revision ${defense.revision}? ${reason}`;
    const about = { ...draft.name, anomalyId, defenseId, question, at: draft.now };
    draft.publish('defense.question', `${defenseId}.question`, about, anomalyId);
  } else {
    startTraining(draft, defense, by ? `ordered by ${by}` : 'approval is automatic');
  }
}

export function startTraining(draft: Draft, defense: Defense, reason: string): void {
  const { dataset } = draft.context;
  if (!defense.baseline || !dataset)
    return moveTo(draft, defense, 'failed', 'the policy names no trusted dataset any more');
  moveTo(draft, defense, 'training', reason);
  requestTraining(draft, defense, defense.baseline, dataset);
}

/** Why no defense may be opened now. */
export function obstacleTo(draft: Draft): string | null {
  if (draft.openDefense) return `${draft.openDefense.defenseId} is open, and a model has one defense at a time`;
  const { lastEndAt } = draft.model;
  const rest = lastEndAt === null ? 0 : draft.spec.coolDownSeconds - secondsBetween(lastEndAt, draft.now);
  return rest > 0 ? `the cool-down after the last defense lasts ${Math.ceil(rest)} s more` : null;
}

/** Recorded once for an anomaly; the tick looks again when the obstacle may be gone. */
export function suppress(draft: Draft, anomaly: Anomaly, obstacle: string): void {
  anomaly.answer = 'suppressed';
  if (anomaly.suppressedAt) return;
  anomaly.suppressedAt = draft.now;
  const reason = anomaly.statement ?? 'attack detected';
  const defense = newDefense(draft, anomaly, ids.suppressed(anomaly.anomalyId), reason);
  begin(draft, defense);
  moveTo(draft, defense, 'suppressed', obstacle);
  draft.suppressed.push(defense);
}

function newDefense(draft: Draft, anomaly: Anomaly, defenseId: string, reason: string): Defense {
  return {
    ...draft.name,
    defenseId,
    anomalyId: anomaly.anomalyId,
    revision: anomaly.revision,
    state: FIRST_STATE,
    reason,
    version: 0,
    openedAt: draft.now,
    changedAt: draft.now,
    deadline: null,
    alarmAt: anomaly.raisedAt,
    verdictAt: anomaly.verdictAt ?? draft.now,
    approvedBy: null,
    baseline: protectedRevision(draft, anomaly.revision)?.modelFile ?? null,
    training: null,
    evaluation: null,
    calibration: null,
    gates: null,
    deployment: null,
    during: null,
    after: null,
    certificate: null,
    history: [],
  };
}
