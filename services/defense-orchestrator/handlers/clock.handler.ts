import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { Models } from './models.js';

const TICK_MS = 1_000;

/** What starts without an event: each model's protection when the service starts, and the passing of time. */
export class ClockHandler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('clock');
  private readonly closing = new AbortController();
  private ticking?: Promise<void>;

  constructor(private readonly models: Models) {}

  /** Before any event is taken. */
  async onApplicationBootstrap(): Promise<void> {
    for (const name of this.models.names()) await this.models.take(name, { kind: 'start' });
    this.ticking = this.tick();
  }

  async onModuleDestroy(): Promise<void> {
    this.closing.abort();
    await this.ticking;
  }

  private async tick(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
      for (const name of this.models.names()) {
        if (signal.aborted) return;
        await this.models
          .take(name, { kind: 'tick' })
          .catch((error: unknown) => this.logger.warn(`${name.namespace}/${name.model}: ${String(error)}`));
      }
    }
  }
}
