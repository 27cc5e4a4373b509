import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { EngineName } from '#executors';
import type { Job, Outcome, TrainingStep } from '../jobs/job.js';

/** Runs one job away from the main thread, which stays free for heartbeats, health and cancelling. */
export interface Engine {
  run(job: Job, hooks: { signal: AbortSignal; onProgress: (step: TrainingStep) => void }): Promise<Outcome>;
}

export interface EngineData {
  job: Job;
  artifactsDir: string;
  readableDirs: string[];
  trainer: string;
  threads: number;
  engine: EngineName;
  /** What the process may take in all, see `memoryBytes`. */
  memory: string | undefined;
}

export type EngineMessage =
  | { type: 'progress'; step: TrainingStep }
  | { type: 'done'; outcome: Outcome }
  /** `permanent`: the job itself is wrong, no retry can help. */
  | { type: 'error'; name: string; message: string; permanent: boolean };

export class EngineError extends Error {
  override readonly name = 'EngineError';
  constructor(
    message: string,
    readonly permanent: boolean,
  ) {
    super(message);
  }
}

/** A worker thread for each job: its memory goes when the job ends, and what does not stop when asked can be ended. */
export const workerEngine = (settings: Omit<EngineData, 'job'>): Engine => ({
  run: (job, { signal, onProgress }) =>
    new Promise((resolve, reject) => {
      const workerData: EngineData = { ...settings, job };
      // TensorFlow reads its settings from the environment of the process, which a worker has only a copy of otherwise.
      const worker = new Worker(new URL('./engine-worker.js', import.meta.url), { workerData, env: SHARE_ENV });
      const abort = () => worker.postMessage('abort');
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort);
      let settled = false;
      const settle = (action: () => void) => {
        if (settled) return;
        settled = true;
        signal.removeEventListener('abort', abort);
        void worker.terminate();
        action();
      };
      worker.on('message', (message: EngineMessage) => {
        if (message.type === 'progress') onProgress(message.step);
        else if (message.type === 'done') settle(() => resolve(message.outcome));
        else settle(() => reject(new EngineError(message.message, message.permanent)));
      });
      worker.on('error', (error) => settle(() => reject(new EngineError(error.message, false))));
      worker.on('exit', (code) => settle(() => reject(new EngineError(`the engine ended with code ${code}`, false))));
    }),
});
