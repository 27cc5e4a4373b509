import { serviceOptions, startService } from '#service-kit';
import { DetectorModule } from './app.module.js';
import { detectorConfig } from './config.js';

try {
  const config = detectorConfig(process.env);
  await startService(DetectorModule.with(config), {
    name: 'anomaly-detector',
    ...serviceOptions(config),
  });
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
