import { Module, type DynamicModule } from '@nestjs/common';
import { Redis } from 'ioredis';
import { artifactStore } from '#artifacts';
import { JetStreamPublisher, RedisOutbox, StreamFollower } from '#service-kit';
import { Protections } from './adapters/protections.js';
import { OUTBOX, RedisStates } from './adapters/redis-states.js';
import type { DetectorConfig } from './config.js';
import { DetectorLoop } from './handlers/detector.loop.js';
import { ModelsController } from './handlers/models.controller.js';

@Module({})
export class DetectorModule {
  static with(config: DetectorConfig): DynamicModule {
    const protections = new Protections(artifactStore({ root: config.ARTIFACTS_DIR }));
    return {
      module: DetectorModule,
      controllers: [ModelsController],
      providers: [
        {
          provide: RedisOutbox,
          inject: [Redis, JetStreamPublisher],
          useFactory: (redis: Redis, publisher: JetStreamPublisher) =>
            new RedisOutbox({ redis, publisher, key: OUTBOX }),
        },
        {
          provide: DetectorLoop,
          inject: [Redis, RedisOutbox, StreamFollower],
          useFactory: (redis: Redis, outbox: RedisOutbox, follower: StreamFollower) =>
            new DetectorLoop(follower, new RedisStates(redis, outbox, config.REPLICA), protections, () => new Date()),
        },
      ],
    };
  }
}
