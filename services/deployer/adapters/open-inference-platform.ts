import type { ModelRepository, RepositoryEntry } from '#serving';
import type { RevisionStatus, ServingPlatform } from '../domain/serving-platform.js';

/** Servers that speak the Open Inference Protocol's model repository extension, with the traffic split of the local predictor. */
export const openInferencePlatform = (repository: ModelRepository): ServingPlatform => ({
  async observe() {
    const [entries, traffic] = await Promise.all([repository.index(), repository.traffic()]);
    const revisions = Object.fromEntries(entries.map((entry) => [entry.version, statusOf(entry)]));
    return { revisions, traffic };
  },
  load: (revision, uri) => repository.load(revision, uri),
  setTraffic: (split) => repository.setTraffic(split),
  unload: (revision) => repository.unload(revision),
});

function statusOf({ state, reason, sha256 }: RepositoryEntry): RevisionStatus {
  if (state === 'READY') return { state: 'ready', sha256 };
  return state === 'LOADING'
    ? { state: 'loading' }
    : { state: 'failed', reason: reason || 'the server does not say why' };
}
