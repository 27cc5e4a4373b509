import { Body, Controller, Get, HttpCode, Inject, NotFoundException, Param, Post } from '@nestjs/common';
import { RedisDefenses } from '../adapters/redis-defenses.js';
import type { Defense } from '../domain/defense.js';
import { OPERATIONS, parseOrder, type AnomalyView, type ModelView } from './api.js';
import { Models } from './models.js';

@Controller()
export class AnomaliesController {
  constructor(
    @Inject(RedisDefenses) private readonly defenses: RedisDefenses,
    @Inject(Models) private readonly models: Models,
  ) {}

  @Get(OPERATIONS.listAnomalies.path)
  async anomalies(): Promise<AnomalyView[]> {
    const states = await Promise.all(this.models.names().map((name) => this.defenses.model(name)));
    return states
      .filter((state) => state !== null)
      .flatMap(({ namespace, model, anomalies }) =>
        Object.values(anomalies).map((anomaly) => ({ namespace, model, ...anomaly })),
      );
  }

  @Get(OPERATIONS.listPolicies.path)
  async policies(): Promise<ModelView[]> {
    return Promise.all(
      [...this.models.policies.values()].map(async ({ policy }) => {
        const state = await this.defenses.model({
          namespace: policy.metadata.namespace,
          model: policy.spec.target.model,
        });
        return { policy, serving: state?.serving ?? policy.spec.target.revision, revisions: state?.revisions ?? [] };
      }),
    );
  }

  @Post(OPERATIONS.harden.path)
  @HttpCode(200)
  async harden(@Param('id') anomalyId: string, @Body() body: unknown): Promise<Defense> {
    const { by } = parseOrder(body);
    const { namespace, model } = await this.find(anomalyId);
    const { defense } = await this.models.order({ namespace, model }, { kind: 'harden', anomalyId, by });
    if (!defense) throw new Error(`${anomalyId}: ordered, but no defense was opened`);
    return defense;
  }

  @Post(OPERATIONS.dismiss.path)
  @HttpCode(200)
  async dismiss(@Param('id') anomalyId: string, @Body() body: unknown): Promise<AnomalyView> {
    const { by } = parseOrder(body);
    const { namespace, model } = await this.find(anomalyId);
    await this.models.order({ namespace, model }, { kind: 'dismiss', anomalyId, by });
    return this.find(anomalyId);
  }

  private async find(anomalyId: string): Promise<AnomalyView> {
    const found = (await this.anomalies()).find((anomaly) => anomaly.anomalyId === anomalyId);
    if (!found) throw new NotFoundException(`there is no anomaly ${anomalyId} of a protected revision`);
    return found;
  }
}
