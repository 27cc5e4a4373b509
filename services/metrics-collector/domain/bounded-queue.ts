export interface QueueLimits {
  items: number;
  bytes: number;
}

/** First in, first out, within limits: whoever offers learns at once that there is no room, and never waits. */
export class BoundedQueue<T> {
  private items: T[] = [];
  private heldBytes = 0;

  constructor(
    private readonly limits: QueueLimits,
    private readonly bytesOf: (item: T) => number,
  ) {}

  get length(): number {
    return this.items.length;
  }

  get bytes(): number {
    return this.heldBytes;
  }

  /** False when the item does not fit. */
  offer(item: T): boolean {
    const bytes = this.bytesOf(item);
    if (this.items.length >= this.limits.items || this.heldBytes + bytes > this.limits.bytes) return false;
    this.items.push(item);
    this.heldBytes += bytes;
    return true;
  }

  take(max: number): T[] {
    const taken = this.items.splice(0, max);
    for (const item of taken) this.heldBytes -= this.bytesOf(item);
    return taken;
  }
}
