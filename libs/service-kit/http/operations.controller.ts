import { Controller, Get, Header, HttpCode, Inject, Res } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Public } from './bearer.guard.js';
import { Readiness } from './readiness.js';

interface Reply {
  status(code: number): Reply;
}

/** What the platform asks of a process: is it alive, may it get requests, what does it measure. */
@Public()
@Controller()
export class OperationsController {
  constructor(
    @Inject(Readiness) private readonly readiness: Readiness,
    @Inject(Registry) private readonly registry: Registry,
  ) {}

  @Get('livez')
  @HttpCode(200)
  live(): { status: string } {
    return { status: 'ok' };
  }

  @Get('readyz')
  async ready(@Res({ passthrough: true }) reply: Reply): Promise<{ status: string; failing?: Record<string, string> }> {
    const failing = await this.readiness.failures();
    if (Object.keys(failing).length === 0) return { status: 'ok' };
    reply.status(503);
    return { status: 'unavailable', failing };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.registry.metrics();
  }
}
