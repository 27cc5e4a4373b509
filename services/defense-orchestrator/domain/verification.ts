import type { LiveCounts } from './defense.js';
import { inWords, percent, proportion } from './proportion.js';

/** Labelled rows after which live accuracy says enough. */
export const ENOUGH_LABELLED = 100;
/** Windows with traffic after which a model that has had no label at all gets none any more. */
export const WINDOWS_WITHOUT_LABELS = 30;

export interface Verification {
  state: 'recovered' | 'failed';
  reason: string;
}

export interface Expectation {
  /** Accuracy that the evaluation promised, attacked or not. */
  minimum: number;
  /** The deadline has passed. */
  timedOut: boolean;
  /** The attacked revision had labels. */
  labelsExpected: boolean;
}

/** Does the candidate keep live what its evaluation promised? null = wait for more. */
export function verify(after: LiveCounts, { minimum, timedOut, labelsExpected }: Expectation): Verification | null {
  const live = proportion(after.correct, after.labelled);
  if (!live) {
    const noneCome = !labelsExpected && after.windows >= WINDOWS_WITHOUT_LABELS;
    if (!noneCome && !timedOut) return null;
    return {
      state: 'recovered',
      reason: `no labels came for ${after.n} rows of the new revision: proved by the evaluation, not confirmed live`,
    };
  }
  const confirmed = live.high >= minimum;
  const said = `live accuracy ${inWords(live)} labelled rows, promised at least ${percent(minimum)}`;
  if (confirmed && (after.labelled >= ENOUGH_LABELLED || timedOut)) return { state: 'recovered', reason: said };
  if (!confirmed && timedOut) return { state: 'failed', reason: `${said}: clearly below; the new revision serves on` };
  return null;
}
