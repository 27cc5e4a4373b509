import type { Calibration } from '#change-detection';
import { DEFAULT_DETECTION, type Detection, type EventData, type EventName } from '#contracts';

/** What is known of a model from its policy. */
export interface Protection {
  detection: Detection;
  revisions: Map<string, { calibrationId: string | null; calibration: Calibration | null }>;
}

/** A model that nobody wrote a policy for is watched by what is published about it. */
export const UNPROTECTED: Protection = { detection: DEFAULT_DETECTION, revisions: new Map() };

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

/** Where a message stands in its stream. */
export interface Position {
  sequence: number;
  /** When the stream took it, RFC 3339. */
  time: string;
}
