import { Worker } from 'node:worker_threads';
import {
  ModelUnavailableError,
  type Examination,
  type ExaminationRequest,
  type Examiner,
} from '../../domain/examination.js';

export interface WorkerSettings {
  artifactsDir: string;
  readableDirs: string[];
  threads: number;
}

export type Question = { id: number; request: ExaminationRequest } | { close: true };
export type Answer = { id: number; examination: Examination } | { id: number; failure: string };

interface Waiting {
  resolve: (examination: Examination) => void;
  reject: (error: Error) => void;
}

/** The examiner on a thread of its own, so that HTTP answers while it computes. A thread that ends is started again with the next call. */
export class ThreadExaminer implements Examiner {
  private worker?: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private questions = 0;

  constructor(
    private readonly script: URL,
    private readonly settings: WorkerSettings,
  ) {}

  examine(request: ExaminationRequest): Promise<Examination> {
    const worker = (this.worker ??= this.start());
    const id = ++this.questions;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      worker.postMessage({ id, request } satisfies Question, [request.x.buffer as ArrayBuffer]);
    });
  }

  async close(): Promise<void> {
    const { worker } = this;
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.postMessage({ close: true } satisfies Question);
    await ended;
  }

  private start(): Worker {
    const worker = new Worker(this.script, { workerData: this.settings });
    worker.on('message', (answer: Answer) => {
      const waiting = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ('examination' in answer) waiting?.resolve(answer.examination);
      else waiting?.reject(new ModelUnavailableError(answer.failure));
    });
    worker.on('error', (error) => this.ended(error.message));
    worker.on('exit', (code) => this.ended(`code ${code}`));
    return worker;
  }

  private ended(reason: string): void {
    this.worker = undefined;
    for (const { reject } of this.waiting.values()) {
      reject(new ModelUnavailableError(`the examining thread ended: ${reason}`));
    }
    this.waiting.clear();
  }
}
