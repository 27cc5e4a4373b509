import { Module, type DynamicModule, type FactoryProvider, type OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { JetStreamPublisher, RedisOutbox } from '#service-kit';
import type { Config } from './config.js';
import { COLLECTOR_METRICS, collectorMetrics, registerLevels, type CollectorMetrics } from './adapters/metrics.js';
import { Outlets } from './adapters/outlets.js';
import { PredictionRecords } from './adapters/records.js';
import type { Examiner } from './domain/examination.js';
import { WatchedModels } from './domain/watched-models.js';
import { Intake } from './handlers/intake.js';
import { LabelHandler } from './handlers/label.handler.js';
import { PostedController } from './handlers/posted.controller.js';
import { RequestHalves } from './handlers/request-halves.js';
import { StateHandler } from './handlers/state.handler.js';

export interface CollectorParts {
  config: Config;
  /** Names this start of this process; see replicaId. */
  replica: string;
  examiner: Examiner & { close(): Promise<void> };
  /** Uniform in [0, 1). */
  random: () => number;
}

/** Closes the examiner when nobody uses it any more. */
class ExaminerLife implements OnApplicationShutdown {
  constructor(private readonly examiner: CollectorParts['examiner']) {}
  onApplicationShutdown = (): Promise<void> => this.examiner.close();
}

@Module({})
export class AppModule {
  static with(parts: CollectorParts): DynamicModule {
    return {
      module: AppModule,
      controllers: [PostedController, LabelHandler, StateHandler],
      providers: [
        WatchedModels,
        { provide: ExaminerLife, useFactory: () => new ExaminerLife(parts.examiner) },
        ...providers(parts),
      ],
    };
  }
}

function providers({ config, replica, examiner, random }: CollectorParts): FactoryProvider[] {
  const now = () => new Date();
  return [
    {
      provide: RedisOutbox,
      inject: [Redis, JetStreamPublisher],
      useFactory: (redis: Redis, publisher: JetStreamPublisher) =>
        new RedisOutbox({ redis, publisher, key: 'collector:outbox' }),
    },
    {
      provide: PredictionRecords,
      inject: [RedisOutbox],
      useFactory: (outbox: RedisOutbox) => new PredictionRecords(outbox, config.RECORD_WINDOW_SECONDS, now),
    },
    { provide: COLLECTOR_METRICS, inject: [Registry], useFactory: collectorMetrics },
    {
      provide: Outlets,
      inject: [JetStreamPublisher, PredictionRecords],
      useFactory: (publisher: JetStreamPublisher, records: PredictionRecords) =>
        new Outlets({ publisher, records, replica, now }),
    },
    {
      provide: RequestHalves,
      inject: [Outlets, COLLECTOR_METRICS],
      useFactory: (outlets: Outlets, metrics: CollectorMetrics) =>
        new RequestHalves({ examiner, outlets, metrics, replica, random, now: Date.now }),
    },
    {
      provide: Intake,
      inject: [WatchedModels, RequestHalves, Outlets, COLLECTOR_METRICS, Registry],
      useFactory: (
        models: WatchedModels,
        requests: RequestHalves,
        outlets: Outlets,
        metrics: CollectorMetrics,
        registry: Registry,
      ) => {
        const limits = { items: config.MAX_QUEUED_EVENTS, bytes: config.MAX_QUEUED_BYTES };
        const intake = new Intake({ limits, models, requests, outlets, metrics });
        registerLevels(registry, { queue: intake.queue, outlets });
        return intake;
      },
    },
  ];
}
