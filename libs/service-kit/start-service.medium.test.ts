import { Body, Controller, ForbiddenException, Get, Inject, Post } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { InvalidInputError } from '#contracts';
import { startRedis } from '#testbed';
import { currentContext, type WorkContext } from './context.js';
import { Public } from './http/bearer.guard.js';
import { JetStreamEvent } from './jetstream/decorators.js';
import { JetStreamPublisher } from './jetstream/publisher.js';
import { eventually, openBench, type Bench } from './testing/bench.js';

jest.setTimeout(30_000);
const token = 'correct-horse-battery';
const authorization = `Bearer ${token}`;

let bench: Bench;
let handled: { json: unknown; work?: WorkContext }[];
beforeEach(async () => {
  handled = [];
  bench = await openBench();
});
afterEach(() => bench.close());

@Controller('things')
class Things {
  constructor(@Inject(JetStreamPublisher) private readonly publisher: JetStreamPublisher) {}

  @Post()
  async create(@Body() body: { n?: unknown }): Promise<WorkContext | undefined> {
    if (typeof body?.n !== 'number') throw new InvalidInputError('thing', 'n', 'must be a number');
    await this.publisher.publish('log.thing', body);
    return currentContext();
  }

  @Get('secret')
  secret(): never {
    throw new ForbiddenException('not for you');
  }

  @Get('broken')
  broken(): never {
    throw new Error('password is hunter2');
  }

  @Public()
  @Get('open')
  open(): { open: boolean } {
    return { open: true };
  }

  @JetStreamEvent('log.thing', { stream: 'EVENTS', durable: 'things' })
  thing(@Payload() json: unknown): void {
    handled.push({ json, work: currentContext() });
  }
}

const post = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/things`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', authorization, ...headers },
  });

describe('a service', () => {
  it('answers errors as problem details that name the field, and tells nothing about its insides', async () => {
    const { url } = await bench.start([Things], { token, bodyLimitBytes: 1_000 });
    const wrong = await post(url, '{"n":"one"}', { 'x-correlation-id': 'order-7' });
    expect(wrong.headers.get('content-type')).toMatch('application/problem+json');
    expect(await wrong.json()).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: 'thing: field "n" must be a number',
      field: 'n',
      correlationId: 'order-7',
    });
    expect((await post(url, '{"n":')).status).toBe(400);
    expect((await post(url, JSON.stringify({ n: 1, text: 'x'.repeat(2_000) }))).status).toBe(413);
    const forbidden = await fetch(`${url}/things/secret`, { headers: { authorization } });
    expect(await forbidden.json()).toMatchObject({ status: 403, detail: 'not for you' });
    const broken = await fetch(`${url}/things/broken`, { headers: { authorization } });
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain('hunter2');
    expect(await (await fetch(`${url}/nothing`, { headers: { authorization } })).json()).toMatchObject({ status: 404 });
  });

  it('asks for its token everywhere but on public routes', async () => {
    const { url } = await bench.start([Things], { token });
    const status = async (path: string, value?: string) =>
      (await fetch(`${url}${path}`, { headers: value ? { authorization: value } : {} })).status;
    expect(await status('/things/secret')).toBe(401);
    expect(await status('/things/secret', `Bearer ${token}x`)).toBe(401);
    expect(await status('/things/secret', `Basic ${token}`)).toBe(401);
    expect(await status('/things/secret', authorization)).toBe(403);
    expect(await status('/things/open')).toBe(200);
    for (const path of ['/livez', '/readyz', '/metrics']) expect(await status(path)).toBe(200);
  });

  it('carries trace and correlation id from HTTP over NATS to the handler', async () => {
    const { url } = await bench.start([Things], { token });
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const answer = await post(url, '{"n":1}', {
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
      'x-correlation-id': 'order-7',
    });
    expect(answer.headers.get('x-correlation-id')).toBe('order-7');
    const inRequest = (await answer.json()) as WorkContext;
    await eventually(() => handled.length === 1);
    expect(handled[0]).toMatchObject({ json: { n: 1 }, work: { traceId, flags: '01', correlationId: 'order-7' } });
    expect(new Set([inRequest.spanId, handled[0]!.work!.spanId, '00f067aa0ba902b7']).size).toBe(3);
  });

  it('measures its messages', async () => {
    const { url } = await bench.start([Things]);
    await bench.js.publish('log.thing', '{"n":1}');
    await bench.js.publish('log.thing', 'not json');
    const metrics = async () => (await fetch(`${url}/metrics`)).text();
    await eventually(async () =>
      (await metrics()).includes('antibody_messages_total{handler="things",outcome="dead"} 1'),
    );
    expect(await metrics()).toContain('antibody_messages_total{handler="things",outcome="acknowledged"} 1');
  });

  it('is not ready while NATS or Redis is away, and says which', async () => {
    const server = await startRedis();
    try {
      @Controller()
      class UsesRedis {
        constructor(@Inject(Redis) readonly redis: Redis) {}
      }
      const { url } = await bench.start([UsesRedis], { redisUrl: server.url });
      const ready = async () => {
        const answer = await fetch(`${url}/readyz`);
        const { failing } = (await answer.json()) as { failing?: Record<string, string> };
        return { status: answer.status, failing: Object.keys(failing ?? {}) };
      };
      expect(await ready()).toEqual({ status: 200, failing: [] });
      await server.kill();
      expect(await ready()).toEqual({ status: 503, failing: ['redis'] });
      await server.restart();
      await eventually(async () => (await ready()).status === 200);
      await bench.nats.kill();
      expect(await ready()).toEqual({ status: 503, failing: ['nats'] });
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      await bench.nats.restart();
      await eventually(async () => (await ready()).status === 200);
    } finally {
      await server.stop();
    }
  });
});
