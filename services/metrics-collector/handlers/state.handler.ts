import { Controller, Inject, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { OnLatest } from '#service-kit';
import { COLLECTOR_METRICS, type CollectorMetrics } from '../adapters/metrics.js';
import { WatchedModels } from '../domain/watched-models.js';
import { RequestHalves } from './request-halves.js';

/** Keeps up with what is watched, and which anomalies are open. */
@Controller()
export class StateHandler {
  private readonly logger = new Logger(StateHandler.name);
  private readonly reported = new Set<string>();

  constructor(
    @Inject(WatchedModels) private readonly models: WatchedModels,
    @Inject(RequestHalves) private readonly requests: RequestHalves,
    @Inject(COLLECTOR_METRICS) private readonly metrics: CollectorMetrics,
  ) {}

  @OnLatest('protection.updated')
  protect(@Payload() { data }: CloudEvent<'protection.updated'>): void {
    this.models.protect(data);
    for (const { revision, modelFile } of data.revisions) {
      const { namespace, model } = data;
      const full = modelFile !== null && data.inputs !== null;
      this.metrics.watch({ namespace, model, revision }, full ? 'signals' : 'labels-only');
      const key = `${namespace}/${model} ${revision}`;
      if (full || this.reported.has(key)) continue;
      this.reported.add(key);
      this.logger.warn(`${key} has no ONNX file: it is watched by labels and custom samples only`);
    }
    // Not awaited: compiling takes a while, and the next update must not wait for it.
    this.requests.prepare(data).catch((error: unknown) => this.logger.error(error));
  }

  @OnLatest('anomaly.raised')
  raise(@Payload() { data }: CloudEvent<'anomaly.raised'>): void {
    this.models.raise(data);
  }

  @OnLatest('anomaly.closed')
  close(@Payload() { data }: CloudEvent<'anomaly.closed'>): void {
    this.models.close(data);
  }
}
