export interface BatcherOptions {
  maxItems?: number;
  maxDelayMs?: number;
  /** Items kept while the sink cannot keep up; beyond it the oldest are dropped, and counted. */
  maxBuffered?: number;
}

/** Collects items and sends them as one message. What could not be sent is lost and counted in `dropped`. */
export class Batcher<T> {
  private buffer: T[] = [];
  private timer?: NodeJS.Timeout;
  private running?: Promise<void>;
  private readonly maxItems: number;
  private readonly maxDelayMs: number;
  private readonly maxBuffered: number;
  dropped = 0;

  constructor(
    private readonly send: (items: T[]) => Promise<unknown>,
    options: BatcherOptions = {},
  ) {
    this.maxItems = options.maxItems ?? 100;
    this.maxDelayMs = options.maxDelayMs ?? 50;
    this.maxBuffered = options.maxBuffered ?? 100_000;
  }

  get buffered(): number {
    return this.buffer.length;
  }

  add(item: T): void {
    this.buffer.push(item);
    if (this.buffer.length > this.maxBuffered) {
      this.buffer.shift();
      this.dropped++;
    }
    if (this.buffer.length >= this.maxItems) void this.flush();
    else this.timer ??= setTimeout(() => void this.flush(), this.maxDelayMs);
  }

  /** Resolves when everything added so far is sent or given up. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return (this.running ??= this.run().finally(() => (this.running = undefined)));
  }

  private async run(): Promise<void> {
    while (this.buffer.length > 0) {
      const items = this.buffer.splice(0, this.maxItems);
      try {
        await this.send(items);
      } catch {
        this.dropped += items.length;
      }
    }
  }
}
