import type { AnomalyClosed, AnomalyRaised, ModelName, ProtectedRevision, ProtectionUpdated } from '#contracts';

/** A revision as it is watched right now. */
export interface WatchedRevision {
  protection: ProtectionUpdated;
  revision: ProtectedRevision;
  /** Rows that are examined from now on feed its verdict. */
  anomaly?: AnomalyRaised;
}

export type Unwatched = 'unknown-model' | 'unknown-revision';

/** Where an event stands in its stream. */
export interface Place {
  sequence: number;
  /** When the stream took it, in milliseconds. */
  time: number;
}

/** What the latest event about a revision's anomalies leaves: one that is open, or none. */
interface Suspicion {
  place: Place;
  anomaly: AnomalyRaised | undefined;
}

const keyOf = ({ namespace, model }: ModelName) => `${namespace}/${model}`;
const revisionKey = (model: ModelName, revision: string) => `${keyOf(model)}/${revision}`;

/** Events come again, and those of different kinds in any order. In a stream that was made anew the sequences begin anew, at a later time. */
const isNews = (last: Place, { sequence, time }: Place) => sequence > last.sequence || time > last.time;

/** The latest broadcast state of every model. */
export class WatchedModels {
  private readonly protections = new Map<string, ProtectionUpdated>();
  /** By revision: during a rollout two of them may be suspected. */
  private readonly suspicions = new Map<string, Suspicion>();

  protect(update: ProtectionUpdated): void {
    this.protections.set(keyOf(update), update);
  }

  raise(anomaly: AnomalyRaised, place: Place): void {
    this.learn(revisionKey(anomaly, anomaly.revision), { place, anomaly });
  }

  close(closed: AnomalyClosed, place: Place): void {
    this.learn(revisionKey(closed, closed.revision), { place, anomaly: undefined });
  }

  private learn(key: string, suspicion: Suspicion): void {
    const known = this.suspicions.get(key);
    if (!known || isNews(known.place, suspicion.place)) this.suspicions.set(key, suspicion);
  }

  find(model: ModelName, revisionName: string): WatchedRevision | Unwatched {
    const protection = this.protections.get(keyOf(model));
    if (!protection) return 'unknown-model';
    const revision = protection.revisions.find((one) => one.revision === revisionName);
    if (!revision) return 'unknown-revision';
    const anomaly = this.suspicions.get(revisionKey(model, revisionName))?.anomaly;
    return { protection, revision, ...(anomaly && { anomaly }) };
  }
}
