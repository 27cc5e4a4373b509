import { Module, type DynamicModule } from '@nestjs/common';
import { pathToFileURL } from 'node:url';
import { join, resolve } from 'node:path';
import { artifactStore } from '#artifacts';
import { JetStreamPublisher } from '#service-kit';
import { workerEngine } from './adapters/engine.js';
import { artifactOutcomes } from './adapters/outcomes.js';
import type { TrainerConfig } from './config.js';
import { JOB_HANDLERS } from './handlers/job.handlers.js';
import { JobRunner } from './handlers/job.runner.js';

@Module({})
export class TrainerModule {
  static with(config: TrainerConfig): DynamicModule {
    const root = resolve(config.ARTIFACTS_DIR);
    const store = artifactStore({ root, readable: config.READABLE_DIRS });
    const uriOf = (name: string) => pathToFileURL(join(root, name)).href;
    const engine = workerEngine({
      artifactsDir: root,
      readableDirs: config.READABLE_DIRS,
      trainer: config.TRAINER_ID,
      threads: config.THREADS,
      engine: config.ENGINE,
      memory: config.MEMORY,
    });
    return {
      module: TrainerModule,
      controllers: config.TRAINER_JOBS.map((kind) => JOB_HANDLERS[kind]),
      providers: [
        {
          provide: JobRunner,
          inject: [JetStreamPublisher],
          useFactory: (publisher: JetStreamPublisher) =>
            new JobRunner(engine, artifactOutcomes(store, uriOf), publisher, config.TRAINER_ID, () => new Date()),
        },
      ],
    };
  }
}
