import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { JetStreamContext, OnEvent, OnLatest } from '#service-kit';
import { JobRunner } from './job.runner.js';

/** Deliveries are many because trainers that shut down give their job back; the runner itself gives up on errors much sooner. */
const jobOptions = (durable: string) => ({
  durable,
  exclusive: 'job',
  ackWaitMs: 30_000,
  maxDeliver: 20,
  backoffMs: [1_000, 5_000],
  confirmAck: true,
});

/** One job at a time over the three queues, taken only when idle: what waits is free for other trainers. */
@Controller()
export class JobHandlers {
  constructor(private readonly runner: JobRunner) {}

  @OnEvent('training.requested', jobOptions('training'))
  train(@Payload() event: CloudEvent<'training.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'training', request: event.data }, context);
  }

  @OnEvent('evaluation.requested', jobOptions('evaluation'))
  evaluate(@Payload() event: CloudEvent<'evaluation.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'evaluation', request: event.data }, context);
  }

  @OnEvent('calibration.requested', jobOptions('calibration'))
  calibrate(@Payload() event: CloudEvent<'calibration.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'calibration', request: event.data }, context);
  }

  @OnLatest('training.cancel')
  cancel(@Payload() event: CloudEvent<'training.cancel'>): void {
    this.runner.cancel(event.data);
  }
}
