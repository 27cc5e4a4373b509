import { setTimeout as sleep } from 'node:timers/promises';
import { Module, type DynamicModule } from '@nestjs/common';
import { Redis } from 'ioredis';
import { artifactStore } from '#artifacts';
import { JetStreamPublisher, RedisOutbox } from '#service-kit';
import { modelRepository } from '#serving';
import { fileProblem } from './adapters/model-file.js';
import { openInferencePlatform } from './adapters/open-inference-platform.js';
import { OUTBOX, RedisRollouts } from './adapters/redis-rollouts.js';
import type { Config } from './config.js';
import { DeploymentHandler } from './handlers/deployment.handler.js';
import { LabelsHandler } from './handlers/labels.handler.js';
import { RolloutRunner } from './handlers/rollout-runner.js';

@Module({})
export class DeployerModule {
  static with(config: Config): DynamicModule {
    const artifacts = artifactStore({ root: config.ARTIFACTS_DIR, readable: config.READABLE_DIRS });
    return {
      module: DeployerModule,
      controllers: [DeploymentHandler, LabelsHandler],
      providers: [
        {
          provide: RedisOutbox,
          inject: [Redis, JetStreamPublisher],
          useFactory: (redis: Redis, publisher: JetStreamPublisher) =>
            new RedisOutbox({ redis, publisher, key: OUTBOX }),
        },
        {
          provide: RedisRollouts,
          inject: [Redis, RedisOutbox],
          useFactory: (redis: Redis, outbox: RedisOutbox) => new RedisRollouts(redis, outbox, Date.now),
        },
        {
          provide: RolloutRunner,
          inject: [RedisRollouts],
          useFactory: (rollouts: RedisRollouts) =>
            new RolloutRunner({
              rollouts,
              platformFor: ({ target, model }) => openInferencePlatform(modelRepository(target, model)),
              fileProblem: (file) => fileProblem(artifacts, file),
              now: Date.now,
              pause: (signal) => sleep(config.POLL_MS, undefined, { signal }),
            }),
        },
      ],
    };
  }
}
