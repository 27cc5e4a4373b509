import type { DefenseState } from '#contracts';

/** Every state of a defense, what is true in it, and where it may go from there. No way out = an end. */
export const STATES: Record<DefenseState, readonly DefenseState[]> = {
  // An attack, or a person's order, has opened the defense. Nothing has been asked of anybody yet.
  detected: ['awaiting-approval', 'training', 'failed', 'suppressed'],
  // The policy wants a person's approval. The question is published; nothing runs.
  'awaiting-approval': ['training', 'rejected', 'failed'],
  // One training job is out. The attacked revision serves on.
  training: ['evaluating', 'failed'],
  // There is a candidate. Its evaluation and its calibration are out; it serves nobody.
  evaluating: ['rolling-out', 'rejected', 'failed'],
  // The candidate passed the gates, is protected with its own calibration, and takes over step by step.
  'rolling-out': ['verifying', 'rolled-back', 'failed'],
  // The candidate serves all traffic. Live accuracy has to confirm what the evaluation promised.
  verifying: ['recovered', 'failed'],
  // The candidate serves, is certified, and is the only protected revision.
  recovered: [],
  // A gate, or a person, said no. The old revision serves as before.
  rejected: [],
  // The candidate took traffic and was withdrawn. The old revision serves again.
  'rolled-back': [],
  // A part of the defense could not be done, or was cancelled. The reason says which revision serves.
  failed: [],
  // Not begun: another defense is open, or the last one ended too recently.
  suppressed: [],
};

export const FIRST_STATE: DefenseState = 'detected';

export const isEnd = (state: DefenseState): boolean => STATES[state].length === 0;

/** A transition that the table does not allow: a mistake in this program, never in its input. */
export class TransitionError extends Error {
  override readonly name = 'TransitionError';
  constructor(from: DefenseState, to: DefenseState) {
    super(`a defense may not go from ${from} to ${to}`);
  }
}

export function checkTransition(from: DefenseState, to: DefenseState): void {
  if (!STATES[from].includes(to)) throw new TransitionError(from, to);
}

type Table = Record<string, readonly string[]>;

function reachable(table: Table, from: string): Set<string> {
  const seen = new Set([from]);
  for (const state of seen) for (const next of table[state] ?? []) seen.add(next);
  return seen;
}

/** What is wrong with a table: states that cannot be reached, states that cannot end. Empty = sound. */
export function problemsOf(table: Table, first: string): string[] {
  const states = Object.keys(table);
  const fromFirst = reachable(table, first);
  const ends = states.filter((state) => table[state]!.length === 0);
  return states.flatMap((state) => {
    const reached = reachable(table, state);
    return [
      ...(fromFirst.has(state) ? [] : [`${state} cannot be reached from ${first}`]),
      ...(ends.some((end) => reached.has(end)) ? [] : [`${state} has no way to an end`]),
      ...table[state]!.filter((next) => !(next in table)).map((next) => `${state} leads to unknown ${next}`),
    ];
  });
}
