import { hostname } from 'node:os';
import { Type, type Static } from '#contracts';
import { readConfig, serviceVariables } from '#service-kit';

/** CloudEvents source of everything that collectors publish: the same for all replicas, so that repeats are seen as such. */
export const SOURCE = 'metrics-collector';

const Config = Type.Object({
  ...serviceVariables,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', minLength: 1 }),
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store' }),
  READABLE_DIRS: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'more folders that model files and calibrations may be read from',
  }),
  RECORD_WINDOW_SECONDS: Type.Integer({
    default: 6 * 3600,
    minimum: 1,
    description: 'how long predictions and labels wait for each other',
  }),
  THREADS: Type.Integer({ default: 1, minimum: 1, maximum: 1024, description: 'threads that examine rows' }),
  MAX_BODY_BYTES: Type.Integer({ default: 8 * 1024 * 1024, minimum: 1024 }),
  MAX_QUEUED_EVENTS: Type.Integer({ default: 10_000, minimum: 1 }),
  MAX_QUEUED_BYTES: Type.Integer({ default: 64 * 1024 * 1024, minimum: 1024 }),
});
export type Config = Static<typeof Config>;

export const configFrom = (environment: Record<string, string | undefined>): Config => readConfig(Config, environment);

/** Names this start of this process: part of the ids of batches and groups, which must never come twice. */
export const replicaId = (startedAt: number): string =>
  `${hostname().slice(0, 60)}-${process.pid}-${startedAt.toString(36)}`;
