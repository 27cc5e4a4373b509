import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { BoundedQueue, type QueueLimits } from '../domain/bounded-queue.js';
import type { WatchedModels } from '../domain/watched-models.js';
import { readHalf, type LoggedPost } from '../adapters/logged-half.js';
import type { CollectorMetrics } from '../adapters/metrics.js';
import type { Outlets } from '../adapters/outlets.js';
import type { RequestHalf, RequestHalves } from './request-halves.js';

export interface IntakeParts {
  limits: QueueLimits;
  models: WatchedModels;
  requests: RequestHalves;
  outlets: Outlets;
  metrics: CollectorMetrics;
}

const BATCH = 64;
/** Long enough to fill a batch under load, short enough for nobody to notice. */
const LINGER_MS = 3;
const HEADERS_BYTES = 1024;

/** Takes logged posts from the HTTP route, which never waits, and works on them in batches, in the order in which they came. */
export class Intake implements BeforeApplicationShutdown {
  readonly queue: BoundedQueue<LoggedPost>;
  private readonly logger = new Logger(Intake.name);
  private closing = false;
  private wake: () => void = () => undefined;
  private loop?: Promise<void>;

  constructor(private readonly parts: IntakeParts) {
    this.queue = new BoundedQueue(parts.limits, ({ body }) => body.length + HEADERS_BYTES);
  }

  /** 'full': the post is shed, and counted. */
  offer(post: LoggedPost): 'taken' | 'full' | 'closing' {
    if (this.closing) return 'closing';
    if (!this.queue.offer(post)) {
      this.parts.metrics.lost('overflow');
      return 'full';
    }
    this.wake();
    return 'taken';
  }

  /** Once it is known what is watched: until then posts wait in the queue. */
  begin(): void {
    this.loop ??= this.run();
  }

  /** Works off what was acknowledged. Nest calls it while Redis and NATS are still there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing = true;
    this.wake();
    await this.loop;
    await this.parts.outlets.flush();
  }

  private async run(): Promise<void> {
    for (;;) {
      if (this.queue.length === 0) {
        if (this.closing) return;
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      if (this.queue.length < BATCH && !this.closing) await sleep(LINGER_MS);
      await this.work(this.queue.take(BATCH)).catch((error: unknown) => this.logger.error(error));
    }
  }

  private async work(posts: LoggedPost[]): Promise<void> {
    const { models, requests, outlets, metrics } = this.parts;
    const found: RequestHalf[] = [];
    for (const post of posts) {
      const watched = models.find(post.model, post.revision);
      const half = typeof watched === 'string' ? watched : readHalf(post, watched);
      if (typeof half === 'string' || typeof watched === 'string') {
        metrics.lost(typeof half === 'string' ? half : 'malformed');
        continue;
      }
      metrics.event(half.half);
      if (half.half === 'request') {
        if (half.rows > 0)
          found.push({ model: post.model, watched, at: post.at, id: half.id, rows: half.rows, x: half.x });
        continue;
      }
      const calibration = watched.revision.calibration?.sha256;
      half.classes.forEach((predicted, row) =>
        outlets.record(post.model, {
          id: half.id,
          row,
          news: { predicted: { class: predicted, revision: post.revision, calibration } },
        }),
      );
    }
    await requests.examine(found);
  }
}
