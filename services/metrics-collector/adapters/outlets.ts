import { Logger } from '@nestjs/common';
import { cloudEvent, type EventData, type ModelName, type Sample } from '#contracts';
import { Batcher, messagesOf, UncertainError, type JetStreamPublisher } from '#service-kit';
import { SOURCE } from '../config.js';
import type { News, PredictionRecords } from './records.js';

interface OfModel<T> {
  model: ModelName;
  item: T;
}

export type AimSample = EventData<'aim.sample'>;

/** A group of an open anomaly, and what to keep for the labels of its members once the detector has been told of it. */
export interface Announcement {
  aim: AimSample;
  members: News[];
}

export interface OutletOptions {
  publisher: JetStreamPublisher;
  records: PredictionRecords;
  /** Unique to this start of this process. */
  replica: string;
  now: () => Date;
}

const RECORDS = { maxItems: 256, maxDelayMs: 5, maxBuffered: 50_000 };

/** Where examined rows and known parts go: nothing here makes the intake wait, and what is lost on the way is counted. */
export class Outlets {
  private readonly logger = new Logger(Outlets.name);
  private batches = 0;
  private readonly samples: Batcher<OfModel<Sample>>;
  private readonly news: Batcher<OfModel<News>>;
  private readonly announcements: Batcher<Announcement>;

  constructor(private readonly options: OutletOptions) {
    this.samples = new Batcher((items) => this.logged(() => this.publishSamples(items)));
    this.news = new Batcher((items) => this.logged(() => this.store(items)), RECORDS);
    this.announcements = new Batcher((items) => this.logged(() => this.announce(items)));
  }

  sample(model: ModelName, item: Sample): void {
    this.samples.add({ model, item });
  }

  record(model: ModelName, item: News): void {
    this.news.add({ model, item });
  }

  group(announcement: Announcement): void {
    this.announcements.add(announcement);
  }

  /** Resolves when everything given so far is out. */
  async flush(): Promise<void> {
    await Promise.all([this.samples.flush(), this.announcements.flush()]);
    await this.news.flush();
  }

  /** Given up since the start, because the bus or Redis stood still for too long. */
  get lost(): { samples: number; records: number; groups: number } {
    return { samples: this.samples.dropped, records: this.news.dropped, groups: this.announcements.dropped };
  }

  private async publishSamples(items: OfModel<Sample>[]): Promise<void> {
    for (const [{ namespace, model }, samples] of byModel(items)) {
      const id = `${this.options.replica}/${++this.batches}`;
      await this.publish(cloudEvent('accuracy.sample', { ...this.origin(namespace, model), id }, { samples }));
    }
  }

  private async store(items: OfModel<News>[]): Promise<void> {
    for (const [model, news] of byModel(items)) {
      const store = () => this.options.records.observe(model, news);
      await store().catch((error: unknown) => {
        if (error instanceof UncertainError) return store(); // what was stored changes nothing the second time
        throw error;
      });
    }
  }

  /** The detector learns of a group before any of its labels can come. */
  private async announce(items: Announcement[]): Promise<void> {
    for (const { aim, members } of items) {
      const { namespace, model, anomalyId, group, test } = aim;
      const id = `aim:${anomalyId}/${test}/${group}`;
      await this.publish(cloudEvent('aim.sample', { ...this.origin(namespace, model), id }, aim));
      for (const member of members) this.record({ namespace, model }, member);
    }
  }

  private origin(namespace: string, model: string) {
    return { source: SOURCE, time: this.options.now().toISOString(), namespace, model };
  }

  private async publish(event: Parameters<typeof messagesOf>[0]): Promise<void> {
    for (const { subject, data, messageId } of messagesOf(event)) {
      await this.options.publisher.publish(subject, data, { messageId });
    }
  }

  private async logged(send: () => Promise<void>): Promise<void> {
    try {
      await send();
    } catch (error) {
      this.logger.warn(`given up: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  }
}

/** Order is kept within a model. */
function byModel<T>(items: OfModel<T>[]): [ModelName, T[]][] {
  const groups = new Map<string, [ModelName, T[]]>();
  for (const { model, item } of items) {
    const key = `${model.namespace}/${model.model}`;
    const group = groups.get(key);
    if (group) group[1].push(item);
    else groups.set(key, [model, [item]]);
  }
  return [...groups.values()];
}
