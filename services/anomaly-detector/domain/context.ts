import type { Calibration } from '#change-detection';
import { DEFAULT_DETECTION, type Detection, type EventData, type EventName } from '#contracts';

/** What is known of a model from its policy. */
export interface Protection {
  detection: Detection;
  /** Null: nobody wrote a policy, so every revision that somebody publishes about is watched. */
  revisions: ReadonlyMap<string, KnownRevision> | null;
}

export interface KnownRevision {
  calibrationId: string | null;
  calibration: Calibration | null;
}

export const UNPROTECTED: Protection = { detection: DEFAULT_DETECTION, revisions: null };

/** Not, or no longer, in its model's policy: nothing that is said about it counts. */
export const isWatched = ({ revisions }: Protection, revision: string): boolean =>
  revisions === null || revisions.has(revision);

/** An event that a step causes. Ids derive from what caused it, so that a repeated step says the same. */
export interface Caused<N extends EventName = EventName> {
  name: N;
  id: string;
  correlationId?: string;
  data: EventData<N>;
}

export const caused = <N extends EventName>(
  name: N,
  id: string,
  data: EventData<N>,
  correlationId?: string,
): Caused => ({
  name,
  id,
  data,
  correlationId,
});
