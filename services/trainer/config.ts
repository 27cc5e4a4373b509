import { availableParallelism, hostname } from 'node:os';
import { Type, type Static } from '#contracts';
import { engineNames, MEMORY_PATTERN } from '#executors';
import { readConfig, serviceVariables } from '#service-kit';

const Config = Type.Object({
  ...serviceVariables,
  ARTIFACTS_DIR: Type.String({ minLength: 1, description: 'folder of the artifact store' }),
  READABLE_DIRS: Type.Array(Type.String(), {
    default: [],
    description: 'further folders that models and datasets may be read from',
  }),
  TRAINER_JOBS: Type.Array(
    Type.Union([Type.Literal('training'), Type.Literal('evaluation'), Type.Literal('calibration')]),
    {
      default: ['training', 'evaluation', 'calibration'],
      minItems: 1,
      description: 'kinds of jobs that this trainer takes',
    },
  ),
  TRAINER_ID: Type.String({ minLength: 1, maxLength: 256, default: `${hostname()}-${process.pid}` }),
  THREADS: Type.Integer({ minimum: 1, maximum: 1024, default: availableParallelism() }),
  MEMORY: Type.Optional(
    Type.String({
      pattern: MEMORY_PATTERN,
      description: 'what the process may take in all, such as 4GiB; default: four fifths of what is free here',
    }),
  ),
  ENGINE: Type.Union(
    engineNames.map((name) => Type.Literal(name)),
    { default: 'auto', description: 'what computes; auto: the fastest one here, a GPU where there is one' },
  ),
});
export type TrainerConfig = Static<typeof Config>;

export const trainerConfig = (env: NodeJS.ProcessEnv): TrainerConfig => readConfig(Config, env);
