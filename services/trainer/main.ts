import { serviceOptions, startService } from '#service-kit';
import { TrainerModule } from './app.module.js';
import { trainerConfig } from './config.js';

try {
  const config = trainerConfig(process.env);
  await startService(TrainerModule.with(config), {
    name: 'trainer',
    ...serviceOptions(config),
  });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
