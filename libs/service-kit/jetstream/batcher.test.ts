import { describe, expect, it } from '@jest/globals';
import { Batcher } from './batcher.js';

describe('Batcher', () => {
  it('sends full batches and, after the delay, the rest', async () => {
    const sent: number[][] = [];
    await new Promise<void>((resolve) => {
      const batcher = new Batcher<number>(
        (items) => {
          sent.push(items);
          if (sent.flat().length === 5) resolve();
          return Promise.resolve();
        },
        { maxItems: 2, maxDelayMs: 5 },
      );
      for (let n = 1; n <= 5; n++) batcher.add(n);
    });
    expect(sent).toEqual([[1, 2], [3, 4], [5]]);
  });

  it('keeps the newest when the sink is slow, and counts every loss', async () => {
    const sent: number[][] = [];
    let release!: () => void;
    const slow = new Promise<void>((resolve) => (release = resolve));
    const batcher = new Batcher<number>(
      async (items) => {
        await slow;
        sent.push(items);
      },
      { maxItems: 2, maxBuffered: 3 },
    );
    for (let n = 1; n <= 8; n++) batcher.add(n);
    expect(batcher.dropped).toBe(3); // 1 and 2 are on their way, 6 to 8 wait
    expect(batcher.buffered).toBe(3);
    release();
    await batcher.flush();
    expect(sent).toEqual([[1, 2], [6, 7], [8]]);
  });

  it('counts what the sink refuses and goes on', async () => {
    let fail = true;
    const batcher = new Batcher<number>(() => (fail ? Promise.reject(new Error('no')) : Promise.resolve()), {
      maxItems: 2,
    });
    batcher.add(1);
    batcher.add(2);
    await batcher.flush();
    fail = false;
    batcher.add(3);
    await batcher.flush();
    expect(batcher.dropped).toBe(2);
  });
});
