import { artifactStore } from '#artifacts';
import { METHOD } from '#change-detection';
import { serviceOptions, startService } from '#service-kit';
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
    ...serviceOptions(config),
  });
}

await start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
