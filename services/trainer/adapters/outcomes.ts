import type { ArtifactStore } from '#artifacts';
import { checkpointName, type Outcome } from '../jobs/job.js';

/** Outcomes by job id, kept as artifacts: a job that is delivered again is answered from here, whichever trainer gets it. */
export interface Outcomes {
  find(jobId: string): Promise<Outcome | undefined>;
  keep(jobId: string, outcome: Outcome): Promise<void>;
  /** Once the outcome is kept nobody goes on from the checkpoint. */
  removeCheckpoint(jobId: string): Promise<void>;
}

export function artifactOutcomes(store: ArtifactStore, uriOf: (name: string) => string): Outcomes {
  const name = (jobId: string) => `jobs/${encodeURIComponent(jobId)}.json`;
  return {
    async find(jobId) {
      const uri = uriOf(name(jobId));
      if (!(await store.exists(uri))) return undefined;
      return JSON.parse(Buffer.from(await store.read(uri)).toString('utf8')) as Outcome;
    },
    async keep(jobId, outcome) {
      await store.write(name(jobId), Buffer.from(JSON.stringify(outcome)));
    },
    removeCheckpoint: (jobId) => store.remove(checkpointName(jobId)),
  };
}
