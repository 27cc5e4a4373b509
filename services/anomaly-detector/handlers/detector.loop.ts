import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { parseEvent } from '#contracts';
import type { Follower, JetStreamContext, StreamFollower } from '#service-kit';
import type { DetectorMetrics } from '../adapters/metrics.js';
import type { RedisStates } from '../adapters/redis-states.js';
import type { Writer } from './writer.js';

const BATCH = 64;
const TICK_MS = 2_000;
const READ_AGAIN_MS = 5_000;
const LEASE_MS = 1_000;

/** Waits for the lease, then for the policies, then follows the stream from where the last writer stopped. */
export class DetectorLoop implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('detector');
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly followers: Follower[] = [];
  private readonly stopping = new AbortController();
  private leads = false;

  constructor(
    private readonly follower: StreamFollower,
    private readonly states: RedisStates,
    readonly writer: Writer,
    private readonly metrics: DetectorMetrics,
  ) {}

  get leading(): boolean {
    return this.leads;
  }

  onApplicationBootstrap(): void {
    this.lead().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.end((error as Error).message);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    this.timers.forEach((timer) => clearInterval(timer));
    await Promise.all(this.followers.map((follower) => follower.stop()));
    await this.writer.idle();
    if (this.leads) await this.states.release().catch(() => undefined);
  }

  private async lead(): Promise<void> {
    const { signal } = this.stopping;
    for (let told = false; !(await this.states.lease().catch(() => false)); told = true) {
      if (!told) this.logger.log('another detector is the writer: standing by');
      await sleep(LEASE_MS, undefined, { signal });
    }
    this.leads = true;
    this.metrics.lead(true);
    this.every(LEASE_MS, () => this.renew());
    const policies = this.follower.followLatest(
      { stream: 'EVENTS', subject: 'protection.updated.>', parse: (json) => parseEvent('protection.updated', json) },
      ({ data }, { signal: ending }) => this.writer.protect(data, ending),
    );
    this.followers.push(policies);
    await policies.ready;
    const { sequence } = await this.writer.position(signal);
    if (signal.aborted) return;
    this.logger.log(`following SAMPLES after #${sequence}`);
    const samples = this.follower.followStream<unknown>(
      { stream: 'SAMPLES', name: 'detector', after: sequence, batch: BATCH },
      (batch, context) => this.receive(batch, context),
    );
    this.followers.push(samples);
    void samples.ready.then(() => this.writer.caughtUp());
    this.every(TICK_MS, () => this.writer.tick());
    this.every(READ_AGAIN_MS, () => this.writer.readAgain(signal));
  }

  private receive(batch: readonly unknown[], { messages, signal }: JetStreamContext): Promise<void> {
    const incoming = messages.map(({ subject, seq, time }, i) => ({
      subject,
      at: { sequence: seq, time: time.toISOString() },
      json: batch[i],
    }));
    return this.writer.receive(incoming, { signal, waiting: messages[messages.length - 1]!.info.pending });
  }

  private async renew(): Promise<void> {
    if (!(await this.states.lease())) this.end('the lease was lost to another detector');
  }

  /** Whoever starts it again gets a standby. */
  private end(why: string): void {
    this.logger.error(`${why}: ending`);
    this.timers.forEach((timer) => clearInterval(timer));
    process.kill(process.pid, 'SIGTERM');
  }

  private every(ms: number, work: () => Promise<void>): void {
    let busy = false;
    const timer = setInterval(() => {
      if (busy) return;
      busy = true;
      work()
        .catch((error: unknown) => this.logger.warn((error as Error).message)) // tried again the next time
        .finally(() => (busy = false));
    }, ms);
    this.timers.push(timer);
  }
}
