import { artifactStore } from '#artifacts';
import { METHOD } from '#change-detection';
import { startService } from '#service-kit';
import { readPolicies } from './adapters/policies-folder.js';
import { OrchestratorModule } from './app.module.js';
import { configFrom, SOURCE } from './config.js';
import { FIRST_STATE, problemsOf, STATES } from './domain/states.js';

async function start(): Promise<void> {
  const problems = problemsOf(STATES, FIRST_STATE);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const config = configFrom(process.env);
  const store = artifactStore({ root: config.ARTIFACTS_DIR, readable: config.READABLE_DIRS });
  const { policies, refused } = await readPolicies(config.POLICY_DIR, store);
  for (const { message } of refused) console.error(`policy refused, its model is not protected: ${message}`);
  await startService(OrchestratorModule.with({ policies, artifacts: store, calibrationMethod: METHOD }), {
    name: SOURCE,
    natsUrl: config.NATS_URL,
    natsUser: config.NATS_USER,
    natsPassword: config.NATS_PASSWORD,
    redisUrl: config.REDIS_URL,
    host: config.HOST,
    port: config.PORT,
    token: config.HTTP_TOKEN,
    logLevel: config.LOG_LEVEL,
  });
}

await start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
