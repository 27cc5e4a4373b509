import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { OnEvent } from '#service-kit';
import { RedisRollouts } from '../adapters/redis-rollouts.js';

/** Labelled accuracy of each revision, from the detector: what a canary is judged by. */
@Controller()
export class LabelsHandler {
  constructor(@Inject(RedisRollouts) private readonly rollouts: RedisRollouts) {}

  @OnEvent('accuracy.window', { durable: 'deployer-accuracy-window' })
  async window(@Payload() event: CloudEvent<'accuracy.window'>): Promise<void> {
    await this.rollouts.countLabels(event);
  }
}
