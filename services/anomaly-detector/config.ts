import { hostname } from 'node:os';
import { Type, type Static } from '#contracts';
import { readConfig, serviceVariables } from '#service-kit';

export const SOURCE = '/antibody/anomaly-detector';

const Config = Type.Object({
  ...serviceVariables,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', minLength: 1 }),
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store, where calibrations lie' }),
  REPLICA: Type.String({ minLength: 1, default: `${hostname()}-${process.pid}` }),
});
export type DetectorConfig = Static<typeof Config>;

export const detectorConfig = (env: NodeJS.ProcessEnv): DetectorConfig => readConfig(Config, env);
