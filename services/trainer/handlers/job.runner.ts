import { Injectable, Logger } from '@nestjs/common';
import { cloudEvent, type EventData, type EventName } from '#contracts';
import { JetStreamPublisher, messagesOf, type JetStreamContext } from '#service-kit';
import { EngineError, type Engine } from '../adapters/engine.js';
import type { Outcomes } from '../adapters/outcomes.js';
import { replyTo, type Job, type Outcome, type TrainingStep } from '../jobs/job.js';

const ATTEMPTS = 3;

/** Takes one job from request to published outcome. Safe to repeat at any point: the outcome is kept before it is said. */
@Injectable()
export class JobRunner {
  private readonly logger = new Logger('jobs');
  private current: { jobId: string; cancel: AbortController } | undefined;
  /** Cancelled jobs that have not reached this trainer (yet), newest last. */
  private readonly cancelled = new Map<string, string>();

  constructor(
    private readonly engine: Engine,
    private readonly outcomes: Outcomes,
    private readonly publisher: JetStreamPublisher,
    private readonly trainer: string,
    private readonly clock: () => Date,
  ) {}

  cancel({ jobId, reason }: EventData<'training.cancel'>): void {
    this.cancelled.set(jobId, reason);
    if (this.cancelled.size > 1000) this.cancelled.delete(this.cancelled.keys().next().value!);
    if (this.current?.jobId === jobId) this.current.cancel.abort();
  }

  async run(job: Job, context: JetStreamContext): Promise<void> {
    const { jobId } = job.request;
    let outcome = await this.outcomes.find(jobId);
    if (!outcome) {
      this.logger.log(`${job.kind} ${jobId}: attempt ${context.attempt}`);
      outcome = await this.perform(job, context);
      await this.outcomes.keep(jobId, outcome);
    }
    await this.publish(outcome.event, outcome.data, jobId);
    this.logger.log(`${outcome.event} ${jobId}`);
    // Before the acknowledgement: whoever dies here gets the job again, and comes here again.
    if (job.kind === 'training') await this.removeCheckpoint(jobId);
  }

  private async removeCheckpoint(jobId: string): Promise<void> {
    try {
      await this.outcomes.removeCheckpoint(jobId);
    } catch (error) {
      this.logger.warn(`the checkpoint of ${jobId} stays: ${(error as Error).message}`); // the outcome is what counts
    }
  }

  private async perform(job: Job, context: JetStreamContext): Promise<Outcome> {
    const { jobId } = job.request;
    if (this.cancelled.has(jobId)) return this.failed(job, this.cancelled.get(jobId)!, true);
    const cancel = new AbortController();
    this.current = { jobId, cancel };
    try {
      const signal = AbortSignal.any([cancel.signal, context.signal]);
      return await this.engine.run(job, { signal, onProgress: (step) => this.progress(job, context.attempt, step) });
    } catch (error) {
      if (cancel.signal.aborted) return this.failed(job, this.cancelled.get(jobId) ?? 'cancelled', true);
      const final = (error instanceof EngineError && error.permanent) || context.attempt >= ATTEMPTS;
      // A trainer that shuts down gives the job back; the checkpoint lets the next one go on from there.
      if (context.signal.aborted || !final) throw error;
      return this.failed(job, (error as Error).message, false);
    } finally {
      this.current = undefined;
    }
  }

  private failed(job: Job, reason: string, cancelled: boolean): Outcome {
    return { event: `${job.kind}.failed`, data: { ...replyTo(job.request), trainer: this.trainer, reason, cancelled } };
  }

  private progress(job: Job, attempt: number, step: TrainingStep): void {
    const data = { ...replyTo(job.request), ...step, trainer: this.trainer, attempt };
    // Progress is news, not state: a lost one is replaced by the next.
    this.publish('training.progress', data, `${job.request.jobId}/${attempt}/${step.step}`).catch((error: unknown) => {
      this.logger.warn(`progress of ${job.request.jobId} not published: ${(error as Error).message}`);
    });
  }

  private async publish<N extends EventName>(name: N, data: EventData<N>, key: string): Promise<void> {
    const { namespace, model, defenseId } = data as { namespace: string; model: string; defenseId?: string | null };
    const event = cloudEvent(
      name,
      {
        id: `${name}/${key}`,
        source: '/antibody/trainer',
        time: this.clock().toISOString(),
        namespace,
        model,
        ...(defenseId && { correlationid: defenseId }),
      },
      data,
    );
    for (const { subject, data: body, messageId } of messagesOf(event))
      await this.publisher.publish(subject, body, { messageId });
  }
}
