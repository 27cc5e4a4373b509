import type { AnomalyClosed, AnomalyRaised, ModelName, ProtectedRevision, ProtectionUpdated } from '#contracts';

/** A revision as it is watched right now. */
export interface WatchedRevision {
  protection: ProtectionUpdated;
  revision: ProtectedRevision;
  /** Rows that are examined from now on feed its verdict. */
  anomaly?: AnomalyRaised;
}

export type Unwatched = 'unknown-model' | 'unknown-revision';

const CLOSED_REMEMBERED = 100;
const keyOf = ({ namespace, model }: ModelName) => `${namespace}/${model}`;
const revisionKey = (model: ModelName, revision: string) => `${keyOf(model)}/${revision}`;

/** The latest broadcast state of every model. Events may be repeated, and those of different kinds come in any order. */
export class WatchedModels {
  private readonly protections = new Map<string, ProtectionUpdated>();
  /** By revision: during a rollout two of them may be suspected. */
  private readonly raised = new Map<string, AnomalyRaised>();
  private readonly closed = new Set<string>();

  protect(update: ProtectionUpdated): void {
    this.protections.set(keyOf(update), update);
  }

  raise(anomaly: AnomalyRaised): void {
    this.raised.set(revisionKey(anomaly, anomaly.revision), anomaly);
  }

  close(closed: AnomalyClosed): void {
    const { anomalyId } = closed;
    const key = revisionKey(closed, closed.revision);
    if (this.raised.get(key)?.anomalyId === anomalyId) this.raised.delete(key);
    this.closed.add(anomalyId); // in case it comes before its raising
    if (this.closed.size <= CLOSED_REMEMBERED) return;
    const [oldest] = this.closed;
    this.closed.delete(oldest!);
  }

  find(model: ModelName, revisionName: string): WatchedRevision | Unwatched {
    const protection = this.protections.get(keyOf(model));
    if (!protection) return 'unknown-model';
    const revision = protection.revisions.find((one) => one.revision === revisionName);
    if (!revision) return 'unknown-revision';
    const raised = this.raised.get(revisionKey(model, revisionName));
    const isOpen = raised !== undefined && !this.closed.has(raised.anomalyId);
    return { protection, revision, ...(isOpen && { anomaly: raised }) };
  }
}
