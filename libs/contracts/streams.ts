/**
 * JetStream streams, within what nats-server 2.9 knows. Work-queue streams hand each message to one worker; the others keep
 * messages until their limits. Sizes bound the disk; the oldest message goes first.
 */
export type StreamName = 'SAMPLES' | 'LABELS' | 'EVENTS' | 'JOBS' | 'DEPLOYMENTS';

/** Where messages go that a consumer gave up, under `dlq.<subject>`. */
export const DEAD_LETTERS = { stream: 'DLQ', prefix: 'dlq' } as const;

export interface StreamDefinition {
  name: StreamName;
  subjects: string[];
  retention: 'limits' | 'workqueue';
  maxBytes: number;
  /** Of each subject so many are kept. */
  maxPerSubject?: number;
}

const MB = 1024 * 1024;

export const STREAMS: StreamDefinition[] = [
  // One stream and one consumer for all that the detector feeds on, so that it sees one order.
  {
    name: 'SAMPLES',
    subjects: ['accuracy.sample', 'accuracy.sample.>', 'aim.>'],
    retention: 'limits',
    maxBytes: 256 * MB,
  },
  { name: 'LABELS', subjects: ['label.observed', 'label.observed.>'], retention: 'limits', maxBytes: 64 * MB },
  // One stream, so that all see one order. What is learnt again from here after a restart (open anomalies, protections, cancelled trainings)
  // has to stay however long ago it was said: of each subject (an event of a model) the last ones are kept, so that what comes all the time
  // pushes out its own past only. A quiet model then needs about 200 KB, nearly all of it windows.
  {
    name: 'EVENTS',
    subjects: [
      'accuracy.window.>',
      'anomaly.>',
      'attack.>',
      'drift.>',
      'verdict.>',
      'protection.>',
      'training.progress.>',
      'training.completed.>',
      'training.failed.>',
      'training.cancel.>',
      'evaluation.completed.>',
      'evaluation.failed.>',
      'calibration.completed.>',
      'calibration.failed.>',
      'deployment.progressed.>',
      'deployment.completed.>',
      'deployment.failed.>',
      'deployment.rolled-back.>',
      'defense.>',
    ],
    retention: 'limits',
    maxBytes: 256 * MB,
    maxPerSubject: 200,
  },
  {
    name: 'JOBS',
    subjects: ['training.requested.>', 'evaluation.requested.>', 'calibration.requested.>'],
    retention: 'workqueue',
    maxBytes: 16 * MB,
  },
  { name: 'DEPLOYMENTS', subjects: ['deployment.requested.>'], retention: 'workqueue', maxBytes: 16 * MB },
];
