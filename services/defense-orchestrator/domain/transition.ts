import type { DefenseState } from '#contracts';
import type { Defense } from './defense.js';
import { type Draft, later } from './draft.js';
import { patienceSeconds } from './patience.js';
import { checkTransition, isEnd } from './states.js';

/** Takes one step of the state machine and says so. The only place where a state changes. */
export function moveTo(draft: Draft, defense: Defense, state: DefenseState, reason: string): void {
  checkTransition(defense.state, state);
  record(draft, defense, defense.state, state, reason);
  if (isEnd(state) && state !== 'suppressed') draft.model.lastEndAt = draft.now;
}

/** The first entry of a defense's history. */
export function begin(draft: Draft, defense: Defense): void {
  record(draft, defense, null, defense.state, defense.reason);
}

function record(draft: Draft, defense: Defense, from: DefenseState | null, state: DefenseState, reason: string): void {
  const at = draft.now;
  const patience = patienceSeconds(draft.spec, state);
  defense.state = state;
  defense.reason = reason;
  defense.version++;
  defense.changedAt = at;
  defense.deadline = patience === null ? null : later(at, patience);
  defense.history.push({ from, state, at, reason });
  const { defenseId, anomalyId, revision, version, certificate } = defense;
  const about = { ...draft.name, defenseId, anomalyId, revision, state, reason, at };
  draft.publish('defense.changed', `${defenseId}.${version}`, { ...about, from, version }, anomalyId);
  if (isEnd(state)) draft.publish('defense.ended', `${defenseId}.ended`, { ...about, certificate }, anomalyId);
}
