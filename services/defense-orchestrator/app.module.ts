import { Module, type DynamicModule } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { ArtifactStore } from '#artifacts';
import { JetStreamPublisher, RedisOutbox } from '#service-kit';
import type { Policies } from './adapters/policies-folder.js';
import { OUTBOX, RedisDefenses } from './adapters/redis-defenses.js';
import { AnomaliesController } from './handlers/anomalies.controller.js';
import { ClockHandler } from './handlers/clock.handler.js';
import { DefensesController } from './handlers/defenses.controller.js';
import { EventHandlers } from './handlers/event.handlers.js';
import { Models } from './handlers/models.js';
import { OpenApiController } from './handlers/openapi.controller.js';

export interface OrchestratorParts {
  policies: Policies;
  artifacts: ArtifactStore;
  calibrationMethod: string;
}

@Module({})
export class OrchestratorModule {
  static with({ policies, artifacts, calibrationMethod }: OrchestratorParts): DynamicModule {
    return {
      module: OrchestratorModule,
      controllers: [EventHandlers, DefensesController, AnomaliesController, OpenApiController],
      providers: [
        {
          provide: RedisOutbox,
          inject: [Redis, JetStreamPublisher],
          useFactory: (redis: Redis, publisher: JetStreamPublisher) =>
            new RedisOutbox({ redis, publisher, key: OUTBOX }),
        },
        {
          provide: RedisDefenses,
          inject: [Redis, RedisOutbox],
          useFactory: (redis: Redis, outbox: RedisOutbox) => new RedisDefenses(redis, outbox),
        },
        {
          provide: Models,
          inject: [RedisDefenses],
          useFactory: (defenses: RedisDefenses) =>
            new Models(policies, defenses, artifacts, calibrationMethod, () => new Date()),
        },
        { provide: ClockHandler, inject: [Models], useFactory: (models: Models) => new ClockHandler(models) },
      ],
    };
  }
}
