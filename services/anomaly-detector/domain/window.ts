import { evidence } from '#change-detection';
import { caused, type Caused, type Protection } from './context.js';
import { rowsOf } from './counts.js';
import type { ModelState, RevisionState } from './state.js';

/** Says what was counted since the last time; nothing if there was nothing. */
export function closeWindow(
  { namespace, model }: ModelState,
  revision: string,
  state: RevisionState,
  { protection, time }: { protection: Protection; time: string },
): { state: RevisionState; events: Caused[] } {
  const { from, counts, correct } = state.window;
  const n = rowsOf(counts);
  if (n === 0) return { state, events: [] };
  const labelled = counts.error ?? 0;
  const errorEvidence = evidence(state.errorWatch);
  const data = {
    namespace,
    model,
    revision,
    from,
    to: time,
    n,
    labelled,
    correct: Math.min(labelled, Math.round(correct)), // an error may lie between 0 and 1; counts are whole
    errorEvidence,
    errorAlarm: errorEvidence >= protection.detection.budget,
  };
  return {
    state: { ...state, window: { from: time, counts: {}, correct: 0 } },
    events: [caused('accuracy.window', `window/${namespace}/${model}/${revision}/${from}`, data)],
  };
}
