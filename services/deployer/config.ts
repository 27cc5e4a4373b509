import { Type, type Static } from '#contracts';
import { readConfig, serviceVariables } from '#service-kit';

const Config = Type.Object({
  ...serviceVariables,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', minLength: 1 }),
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store' }),
  READABLE_DIRS: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'more folders that model files may be read from',
  }),
  POLL_MS: Type.Integer({ default: 500, minimum: 10, description: 'how often the serving platform is looked at' }),
});
export type Config = Static<typeof Config>;

export const configFrom = (environment: Record<string, string | undefined>): Config => readConfig(Config, environment);
