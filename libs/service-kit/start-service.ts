import 'reflect-metadata';
import { Logger, type DynamicModule, type Type } from '@nestjs/common';
import { NestFactory, Reflector } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Redis } from 'ioredis';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { STREAMS, streamsOfService } from '#contracts';
import { contextFrom, withContext } from './context.js';
import { BearerGuard } from './http/bearer.guard.js';
import { ProblemDetailsFilter } from './http/problem-details.filter.js';
import { Readiness } from './http/readiness.js';
import { StreamFollower } from './jetstream/follow.js';
import { JetStreamPublisher } from './jetstream/publisher.js';
import { JetStreamServer } from './jetstream/server.js';
import { streamSpec, type StreamSpec } from './jetstream/streams.js';
import { KitModule } from './kit.module.js';
import { createLogger, NestLogger } from './logger.js';
import { connectNats } from './nats.js';
import { connectRedis } from './redis.js';

export interface ServiceOptions {
  name: string;
  natsUrl: string;
  /** Go before what the URL says. */
  natsUser?: string;
  natsPassword?: string;
  /** Makes `Redis` (ioredis) injectable and part of readiness. */
  redisUrl?: string;
  host?: string;
  /** 0 or absent takes a free port. */
  port?: number;
  /** Bearer token that every route but `@Public()` ones asks for. */
  token?: string;
  logLevel?: string;
  bodyLimitBytes?: number;
  /** How long running handlers may go on after SIGTERM. */
  drainTimeoutMs?: number;
  streams?: StreamSpec[];
  /** Last chance before the routes are registered: content types, static files, upgrades. */
  configure?: (app: NestFastifyApplication) => void | Promise<void>;
  /** false: the caller closes the service itself (tests, several services in one process). */
  handleSignals?: boolean;
}

export interface RunningService {
  app: NestFastifyApplication;
  url: string;
  /** What SIGTERM does: no new work, running work ends, then connections close. */
  close(): Promise<void>;
}

const MEGABYTE = 1024 * 1024;

export async function startService(appModule: Type | DynamicModule, options: ServiceOptions): Promise<RunningService> {
  const logger = new NestLogger(createLogger({ service: options.name, level: options.logLevel ?? 'info' }));
  Logger.overrideLogger(logger);
  const access = { url: options.natsUrl, user: options.natsUser, password: options.natsPassword };
  const connection = await connectNats(access, options.name);
  const redis = options.redisUrl ? connectRedis(options.redisUrl) : undefined;
  let app: NestFastifyApplication | undefined;
  const readiness = new Readiness();
  const closeAll = async () => {
    readiness.shuttingDown = true;
    await app?.close();
    await closeConnections(connection, redis);
  };
  try {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const parts = {
      connection,
      redis,
      registry,
      readiness,
      publisher: new JetStreamPublisher(connection),
      follower: new StreamFollower(connection),
    };
    const http = new FastifyAdapter({ bodyLimit: options.bodyLimitBytes ?? MEGABYTE });
    app = await NestFactory.create<NestFastifyApplication>(KitModule.with(appModule, parts), http, { logger });
    app.useGlobalFilters(new ProblemDetailsFilter());
    if (options.token) app.useGlobalGuards(new BearerGuard(options.token, app.get(Reflector)));
    carryContext(app);
    await options.configure?.(app);

    const transport = new JetStreamServer({
      connection,
      follower: parts.follower,
      registry,
      streams: options.streams ?? streamsToKeep(options.name),
      drainTimeoutMs: options.drainTimeoutMs,
    });
    addChecks(readiness, connection, redis, transport);
    app.connectMicroservice({ strategy: transport });

    // HTTP first: the platform can see that the process lives while it waits for JetStream.
    await app.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await app.startAllMicroservices();
  } catch (error) {
    await closeAll();
    throw error;
  }
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  const close = once(closeAll);
  if (options.handleSignals ?? true) closeOnSignals(close, logger);
  logger.log({ msg: 'listening', url, open: !options.token });
  return { app, url, close };
}

const streamsToKeep = (service: string): StreamSpec[] => {
  const used = streamsOfService(service);
  return STREAMS.filter(({ name }) => used.includes(name)).map(streamSpec);
};

function once(action: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => (result ??= action());
}

/** A second signal ends the process at once. */
function closeOnSignals(close: () => Promise<void>, logger: NestLogger): void {
  const end = (signal: NodeJS.Signals) => {
    logger.log(`${signal}: finishing the work in progress`);
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error(error);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', end).once('SIGINT', end);
}

async function closeConnections(connection: NatsConnection, redis: Redis | undefined): Promise<void> {
  redis?.disconnect();
  if (!connection.isClosed()) await connection.close();
}

function addChecks(
  readiness: Readiness,
  connection: NatsConnection,
  redis: Redis | undefined,
  transport: JetStreamServer,
): void {
  readiness.add('nats', () => connection.rtt());
  if (redis) readiness.add('redis', () => redis.ping());
  readiness.add('handlers', () =>
    transport.isRunning ? Promise.resolve() : Promise.reject(new Error('streams and consumers are not ready yet')),
  );
}

/** Every request works in a context: its trace goes on, and the answer names the correlation id. */
function carryContext(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const work = contextFrom((name) => {
        const value = request.headers[name];
        return Array.isArray(value) ? value[0] : value;
      });
      void reply.header('x-correlation-id', work.correlationId);
      withContext(work, done);
    });
}
