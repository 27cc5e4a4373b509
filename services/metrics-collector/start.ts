import { serviceOptions, startService, type RunningService } from '#service-kit';
import { COLLECTOR_METRICS, type CollectorMetrics } from './adapters/metrics.js';
import { AppModule, type CollectorParts } from './app.module.js';
import { SOURCE } from './config.js';
import { registerIngest } from './handlers/ingest.route.js';
import { Intake } from './handlers/intake.js';

export async function startCollector(parts: CollectorParts, handleSignals = true): Promise<RunningService> {
  const { config } = parts;
  const service = await startService(AppModule.with(parts), {
    name: SOURCE,
    ...serviceOptions(config),
    handleSignals,
    configure: (app) =>
      registerIngest(app.getHttpAdapter().getInstance(), {
        offer: (post) => app.get(Intake).offer(post),
        metrics: app.get<CollectorMetrics>(COLLECTOR_METRICS),
        maxBodyBytes: config.MAX_BODY_BYTES,
        now: Date.now,
      }),
  });
  service.app.get(Intake).begin();
  return service;
}
