import { describe, expect, it } from '@jest/globals';
import { batches } from './take-batch.js';

/** A source that the test feeds. */
function feed<T>() {
  const waiting: ((result: IteratorResult<T>) => void)[] = [];
  const ready: IteratorResult<T>[] = [];
  const put = (result: IteratorResult<T>) => {
    const taker = waiting.shift();
    if (taker) taker(result);
    else ready.push(result);
  };
  return {
    push: (value: T) => put({ value, done: false }),
    end: () => put({ value: undefined, done: true }),
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const result = ready.shift();
        return result ? Promise.resolve(result) : new Promise<IteratorResult<T>>((resolve) => waiting.push(resolve));
      },
    }),
  };
}

describe('batches', () => {
  it('takes what is there, at most max, and loses nothing between takes', async () => {
    const source = feed<number>();
    const { take } = batches(source, 5);
    for (const n of [1, 2, 3]) source.push(n);
    expect(await take(2)).toEqual([1, 2]);
    expect(await take(2)).toEqual([3]); // 4 is asked for by now
    source.push(4);
    source.push(5);
    expect(await take(8)).toEqual([4, 5]);
    source.end();
    expect(await take(8)).toEqual([]);
  });

  it('passes an error on to the take that waits for it', async () => {
    async function* failing() {
      yield 1;
      await Promise.resolve();
      throw new Error('consumer deleted');
    }
    const { take } = batches(failing(), 0);
    await expect(take(1)).resolves.toEqual([1]);
    await expect(take(1)).rejects.toThrow('consumer deleted');
  });
});
