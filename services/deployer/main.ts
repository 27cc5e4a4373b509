import { serviceOptions, startService } from '#service-kit';
import { DeployerModule } from './app.module.js';
import { configFrom } from './config.js';

/** Rollouts take longer than anybody waits for a process to end: they go on in the next one. */
const DRAIN_MS = 500;

try {
  const config = configFrom(process.env);
  await startService(DeployerModule.with(config), {
    name: 'deployer',
    ...serviceOptions(config),
    drainTimeoutMs: DRAIN_MS,
  });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
