/** Revision to percent of the traffic. */
export type TrafficSplit = Readonly<Record<string, number>>;

export type RevisionStatus =
  | { state: 'loading' }
  /** `sha256`: of the file that it really loaded, where the platform says so. */
  | { state: 'ready'; sha256?: string }
  | { state: 'failed'; reason: string };

export interface PlatformState {
  /** Those that are not here do not exist. */
  revisions: Readonly<Record<string, RevisionStatus>>;
  traffic: TrafficSplit;
}

/**
 * One model on a serving platform. Whoever implements it must keep loading and traffic apart: on KServe `load` applies the new
 * revision with canaryTrafficPercent 0, `setTraffic` changes that number alone, and `unload` puts the old storageUri back
 * with the number still 0; going back in one patch would send all traffic to the bad revision until the old one is ready again.
 * Every call may be repeated.
 */
export interface ServingPlatform {
  observe(): Promise<PlatformState>;
  /** Starts to load a revision, without traffic. */
  load(revision: string, uri: string): Promise<void>;
  /** Only over revisions that are ready. */
  setTraffic(split: TrafficSplit): Promise<void>;
  /** Only of a revision without traffic. */
  unload(revision: string): Promise<void>;
}
