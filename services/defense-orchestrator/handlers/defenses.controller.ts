import { Body, Controller, Get, HttpCode, Inject, NotFoundException, Param, Post, Query } from '@nestjs/common';
import { RedisDefenses } from '../adapters/redis-defenses.js';
import type { Defense } from '../domain/defense.js';
import { OPERATIONS, parseDefenseQuery, parseOrder } from './api.js';
import { Models } from './models.js';

const LIMIT = 100;

@Controller()
export class DefensesController {
  constructor(
    @Inject(RedisDefenses) private readonly defenses: RedisDefenses,
    @Inject(Models) private readonly models: Models,
  ) {}

  @Get(OPERATIONS.listDefenses.path)
  async list(@Query() query: unknown): Promise<Defense[]> {
    const { namespace, model, state, limit } = parseDefenseQuery(query);
    return this.defenses.newest(
      limit ? Number(limit) : LIMIT,
      (defense) =>
        (namespace === undefined || defense.namespace === namespace) &&
        (model === undefined || defense.model === model) &&
        (state === undefined || defense.state === state),
    );
  }

  @Get(OPERATIONS.readDefense.path)
  async read(@Param('id') id: string): Promise<Defense> {
    const defense = await this.defenses.defense(id);
    if (!defense) throw new NotFoundException(`there is no defense ${id}`);
    return defense;
  }

  @Post(OPERATIONS.approve.path)
  @HttpCode(200)
  approve(@Param('id') id: string, @Body() body: unknown): Promise<Defense> {
    return this.order('approve', id, body);
  }

  @Post(OPERATIONS.reject.path)
  @HttpCode(200)
  reject(@Param('id') id: string, @Body() body: unknown): Promise<Defense> {
    return this.order('reject', id, body);
  }

  @Post(OPERATIONS.cancel.path)
  @HttpCode(200)
  cancel(@Param('id') id: string, @Body() body: unknown): Promise<Defense> {
    return this.order('cancel', id, body);
  }

  private async order(kind: 'approve' | 'reject' | 'cancel', defenseId: string, body: unknown): Promise<Defense> {
    const { by } = parseOrder(body);
    await this.models.order(await this.read(defenseId), { kind, defenseId, by });
    return this.read(defenseId);
  }
}
