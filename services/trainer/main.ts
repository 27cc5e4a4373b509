import { startService } from '#service-kit';
import { TrainerModule } from './app.module.js';
import { trainerConfig } from './config.js';

try {
  const config = trainerConfig(process.env);
  await startService(TrainerModule.with(config), {
    name: 'trainer',
    natsUrl: config.NATS_URL,
    natsUser: config.NATS_USER,
    natsPassword: config.NATS_PASSWORD,
    host: config.HOST,
    port: config.PORT,
    token: config.HTTP_TOKEN,
    logLevel: config.LOG_LEVEL,
  });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
