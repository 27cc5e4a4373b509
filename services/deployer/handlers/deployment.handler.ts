import { Controller, Inject } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { JetStreamContext, OnEvent } from '#service-kit';
import { RolloutRunner } from './rollout-runner.js';

/** Rollouts under way at once in one process; more wait in the stream for another one. */
const CONCURRENCY = 8;
/** A rollout goes on after any number of interruptions: only a request that kills the process each time is given up. */
const MAX_DELIVER = 1_000;
/** A rollout whose process died is taken up again after this. */
const ACK_WAIT_MS = 5_000;

@Controller()
export class DeploymentHandler {
  constructor(@Inject(RolloutRunner) private readonly runner: RolloutRunner) {}

  @OnEvent('deployment.requested', {
    durable: 'deployer',
    concurrency: CONCURRENCY,
    maxDeliver: MAX_DELIVER,
    ackWaitMs: ACK_WAIT_MS,
    confirmAck: true,
  })
  async requested(
    @Payload() event: CloudEvent<'deployment.requested'>,
    @Ctx() context: JetStreamContext,
  ): Promise<void> {
    await this.runner.run(event.data, event.correlationid, context.signal);
  }
}
