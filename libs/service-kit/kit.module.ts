import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { Redis } from 'ioredis';
import { Registry } from 'prom-client';
import { OperationsController } from './http/operations.controller.js';
import { Readiness } from './http/readiness.js';
import { StreamFollower } from './jetstream/follow.js';
import { JetStreamPublisher } from './jetstream/publisher.js';
import { NATS } from './nats.js';

export interface KitParts {
  connection: NatsConnection;
  redis?: Redis;
  registry: Registry;
  readiness: Readiness;
  publisher: JetStreamPublisher;
  follower: StreamFollower;
}

/** Makes the parts that `startService` opened injectable everywhere. */
@Module({})
export class KitModule {
  static with(appModule: object, parts: KitParts): DynamicModule {
    const providers: Provider[] = [
      { provide: NATS, useValue: parts.connection },
      { provide: Registry, useValue: parts.registry },
      { provide: Readiness, useValue: parts.readiness },
      { provide: JetStreamPublisher, useValue: parts.publisher },
      { provide: StreamFollower, useValue: parts.follower },
      ...(parts.redis ? [{ provide: Redis, useValue: parts.redis }] : []),
    ];
    return {
      module: KitModule,
      global: true,
      imports: [appModule as DynamicModule],
      controllers: [OperationsController],
      providers,
      exports: providers.map((provider) => (provider as { provide: symbol }).provide),
    };
  }
}
