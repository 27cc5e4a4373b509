import type { Draft } from './draft.js';
import { NotNowError, type Anomaly, type Command } from './model.js';
import { openDefense, startTraining } from './opening.js';
import { stop } from './progress.js';
import { moveTo } from './transition.js';

type OrderTo<K extends Command['kind']> = Extract<Command, { kind: K }>;
const CANCELLABLE = ['awaiting-approval', 'training', 'evaluating'];

function namedDefense(draft: Draft, defenseId: string) {
  const { defense } = draft.model;
  if (defense?.defenseId !== defenseId) throw new NotNowError(`${defenseId} is not the present defense of this model`);
  return defense;
}

export function approve(draft: Draft, { defenseId, by }: OrderTo<'approve'>): void {
  const defense = namedDefense(draft, defenseId);
  requireState(defense.state, ['awaiting-approval'], 'approved');
  defense.approvedBy = by;
  startTraining(draft, defense, `approved by ${by}`);
}

export function reject(draft: Draft, { defenseId, by }: OrderTo<'reject'>): void {
  const defense = namedDefense(draft, defenseId);
  requireState(defense.state, ['awaiting-approval'], 'rejected');
  moveTo(draft, defense, 'rejected', `rejected by ${by}`);
}

export function cancel(draft: Draft, { defenseId, by }: OrderTo<'cancel'>): void {
  const defense = namedDefense(draft, defenseId);
  requireState(defense.state, CANCELLABLE, 'cancelled');
  stop(draft, defense, `cancelled by ${by}`);
}

/** A person knows more than the tests: no verdict and no cool-down stands in the way, only another defense. */
export function harden(draft: Draft, { anomalyId, by }: OrderTo<'harden'>): void {
  const anomaly = namedAnomaly(draft, anomalyId);
  if (draft.openDefense) throw new NotNowError(`${draft.openDefense.defenseId} is open: cancel it or wait for its end`);
  if (!draft.context.modelFile || !draft.context.dataset)
    throw new NotNowError('the policy names no artifact and trusted dataset: there is nothing to harden');
  openDefense(draft, anomaly, by);
}

export function dismiss(draft: Draft, { anomalyId }: OrderTo<'dismiss'>): void {
  const anomaly = namedAnomaly(draft, anomalyId);
  if (anomaly.answer === 'defended')
    throw new NotNowError('a defense has been opened for it: cancel or reject that one');
  anomaly.answer = 'dismissed';
}

function namedAnomaly(draft: Draft, anomalyId: string): Anomaly {
  const anomaly = Object.values(draft.model.anomalies).find((one) => one.anomalyId === anomalyId);
  if (!anomaly) throw new NotNowError(`${anomalyId} is not the present anomaly of a protected revision`);
  return anomaly;
}

function requireState(state: string, allowed: string[], what: string): void {
  if (!allowed.includes(state))
    throw new NotNowError(`a defense in state ${state} cannot be ${what}; only in ${allowed.join(', ')}`);
}
