import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { JetStreamContext, OnEvent, OnLatest } from '#service-kit';
import type { JobKind } from '../jobs/job.js';
import { JobRunner } from './job.runner.js';

/**
 * One job at a time over the queues that a trainer serves, taken only when idle: what waits is free for other trainers. Deliveries
 * are many because trainers that shut down give their job back; the runner itself gives up on errors much sooner.
 */
const jobOptions = (durable: JobKind) => ({
  durable,
  exclusive: 'job',
  ackWaitMs: 10_000,
  maxDeliver: 20,
  backoffMs: [1_000, 5_000],
  confirmAck: true,
});

@Controller()
class TrainingHandler {
  constructor(private readonly runner: JobRunner) {}

  @OnEvent('training.requested', jobOptions('training'))
  train(@Payload() event: CloudEvent<'training.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'training', request: event.data }, context);
  }

  @OnLatest('training.cancel')
  cancel(@Payload() event: CloudEvent<'training.cancel'>): void {
    this.runner.cancel(event.data);
  }
}

@Controller()
class EvaluationHandler {
  constructor(private readonly runner: JobRunner) {}

  @OnEvent('evaluation.requested', jobOptions('evaluation'))
  evaluate(@Payload() event: CloudEvent<'evaluation.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'evaluation', request: event.data }, context);
  }
}

@Controller()
class CalibrationHandler {
  constructor(private readonly runner: JobRunner) {}

  @OnEvent('calibration.requested', jobOptions('calibration'))
  calibrate(@Payload() event: CloudEvent<'calibration.requested'>, @Ctx() context: JetStreamContext): Promise<void> {
    return this.runner.run({ kind: 'calibration', request: event.data }, context);
  }
}

export const JOB_HANDLERS = {
  training: TrainingHandler,
  evaluation: EvaluationHandler,
  calibration: CalibrationHandler,
};
