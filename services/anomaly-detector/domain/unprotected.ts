import type { Caused, Protection } from './context.js';
import { rowsOf } from './counts.js';
import { closingEvents } from './quiet.js';
import type { ModelState, RevisionState } from './state.js';

/** Without rows for so long a revision that no policy protects makes room for others. */
const FORGOTTEN_AFTER_SECONDS = 7 * 86_400;

/** Revisions that are remembered although no policy protects them: anybody can name some, so their number has to be bounded. */
export const unprotectedIn = ({ revisions }: ModelState, protection: Protection): number =>
  protection.revisions === null ? Object.keys(revisions).length : 0;

export function forgetIdle(
  model: ModelState,
  { protection, time }: { protection: Protection; time: string },
): { state: ModelState; events: Caused[] } {
  const isIdle = ({ window }: RevisionState) =>
    rowsOf(window.counts) === 0 && Date.parse(time) - Date.parse(window.from) > 1000 * FORGOTTEN_AFTER_SECONDS;
  const all = Object.entries(model.revisions);
  const idle = protection.revisions === null ? all.filter(([, state]) => isIdle(state)) : [];
  if (idle.length === 0) return { state: model, events: [] };
  const kept = all.filter(([, state]) => !isIdle(state));
  return {
    state: { ...model, revisions: Object.fromEntries(kept) },
    events: idle.flatMap(([revision, { anomaly }]) =>
      anomaly ? closingEvents(model, revision, anomaly, 'revision-gone', time) : [],
    ),
  };
}
