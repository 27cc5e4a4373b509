import { Controller, Inject, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import type { CloudEvent } from '#contracts';
import { JetStreamContext, OnHistory, OnLatest } from '#service-kit';
import { COLLECTOR_METRICS, type CollectorMetrics } from '../adapters/metrics.js';
import { WatchedModels, type Place } from '../domain/watched-models.js';
import { RequestHalves } from './request-halves.js';

const placeOf = ({ sequence, messages }: JetStreamContext): Place => ({ sequence, time: messages[0]!.time.getTime() });

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

  // A model's last event is about one of its revisions only; another may be suspected at the same time.
  @OnHistory('anomaly.raised')
  raise(@Payload() { data }: CloudEvent<'anomaly.raised'>, @Ctx() context: JetStreamContext): void {
    this.models.raise(data, placeOf(context));
  }

  @OnHistory('anomaly.closed')
  close(@Payload() { data }: CloudEvent<'anomaly.closed'>, @Ctx() context: JetStreamContext): void {
    this.models.close(data, placeOf(context));
  }
}
