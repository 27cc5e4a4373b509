import { Logger, Module, type DynamicModule } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { artifactStore } from '#artifacts';
import { JetStreamPublisher, RedisOutbox, StreamFollower } from '#service-kit';
import { DetectorMetrics } from './adapters/metrics.js';
import { Protections } from './adapters/protections.js';
import { OUTBOX, RedisStates } from './adapters/redis-states.js';
import type { DetectorConfig } from './config.js';
import { DetectorLoop } from './handlers/detector.loop.js';
import { ModelsController } from './handlers/models.controller.js';
import { Writer } from './handlers/writer.js';

@Module({})
export class DetectorModule {
  static with(config: DetectorConfig): DynamicModule {
    const logger = new Logger('protections');
    const store = artifactStore({ root: config.ARTIFACTS_DIR, readable: config.READABLE_DIRS });
    const protections = new Protections(store, (message) => logger.error(message));
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
          inject: [Redis, RedisOutbox, StreamFollower, Registry],
          useFactory: (redis: Redis, outbox: RedisOutbox, follower: StreamFollower, registry: Registry) => {
            const states = new RedisStates(redis, outbox, config.REPLICA);
            const metrics = new DetectorMetrics(registry);
            const writer = new Writer(states, protections, metrics, () => new Date());
            return new DetectorLoop(follower, states, writer, metrics);
          },
        },
      ],
    };
  }
}
