import { hostname } from 'node:os';
import { Type, type Static } from '#contracts';
import { readConfig, serviceVariables } from '#service-kit';

export const SOURCE = '/antibody/anomaly-detector';

const Config = Type.Object({
  ...serviceVariables,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', minLength: 1 }),
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store, where calibrations lie' }),
  READABLE_DIRS: Type.Array(Type.String(), {
    default: [],
    description: 'further folders that calibrations may be read from',
  }),
  REPLICA: Type.String({
    minLength: 1,
    default: `${hostname()}-${process.pid}`,
    description: 'name of this process among the replicas; no two may share one',
  }),
});
export type DetectorConfig = Static<typeof Config>;

export const detectorConfig = (env: NodeJS.ProcessEnv): DetectorConfig => readConfig(Config, env);
