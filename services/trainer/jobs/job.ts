import type { EventData } from '#contracts';

/** The three kinds of work, by the noun of their events. */
export type JobKind = 'training' | 'evaluation' | 'calibration';

export interface Job<K extends JobKind = JobKind> {
  kind: K;
  request: EventData<`${K}.requested`>;
}

/** What a finished job leaves behind, and says to the world. Failing for good is an outcome too. */
export type Outcome =
  | { event: 'training.completed'; data: EventData<'training.completed'> }
  | { event: 'evaluation.completed'; data: EventData<'evaluation.completed'> }
  | { event: 'calibration.completed'; data: EventData<'calibration.completed'> }
  | { event: `${JobKind}.failed`; data: EventData<'training.failed'> };

/** Where a training lies until it has ended, in the artifact store that all trainers share: another one can go on from there. */
export const checkpointName = (jobId: string): string => `checkpoints/${encodeURIComponent(jobId)}.ckpt`;

export type TrainingStep = Omit<
  EventData<'training.progress'>,
  'namespace' | 'model' | 'jobId' | 'defenseId' | 'trainer' | 'attempt'
>;

/** Job fields that every answer repeats. */
export const replyTo = ({
  namespace,
  model,
  jobId,
  defenseId,
}: EventData<'training.requested' | 'evaluation.requested' | 'calibration.requested'>) => ({
  namespace,
  model,
  jobId,
  defenseId,
});
