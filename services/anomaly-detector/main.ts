import { startService } from '#service-kit';
import { DetectorModule } from './app.module.js';
import { detectorConfig } from './config.js';

try {
  const config = detectorConfig(process.env);
  await startService(DetectorModule.with(config), {
    name: 'anomaly-detector',
    natsUrl: config.NATS_URL,
    natsUser: config.NATS_USER,
    natsPassword: config.NATS_PASSWORD,
    redisUrl: config.REDIS_URL,
    host: config.HOST,
    port: config.PORT,
    token: config.HTTP_TOKEN,
    logLevel: config.LOG_LEVEL,
  });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
