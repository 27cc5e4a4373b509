import { Type, type Static } from '#contracts';
import { readConfig, serviceVariables } from '#service-kit';

/** CloudEvents source of everything that the orchestrator publishes. */
export const SOURCE = 'defense-orchestrator';

const Config = Type.Object({
  ...serviceVariables,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', minLength: 1 }),
  POLICY_DIR: Type.String({ minLength: 1, description: 'folder of the RobustnessPolicy files, *.yaml or *.yml' }),
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store' }),
  READABLE_DIRS: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    description: 'more folders that models and datasets may be read from',
  }),
});
export type Config = Static<typeof Config>;

export const configFrom = (environment: Record<string, string | undefined>): Config => readConfig(Config, environment);
