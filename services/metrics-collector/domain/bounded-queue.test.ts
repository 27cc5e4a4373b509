import { describe, expect, it } from '@jest/globals';
import { BoundedQueue } from './bounded-queue.js';

describe('bounded queue', () => {
  const open = () => new BoundedQueue<string>({ items: 3, bytes: 10 }, (item) => item.length);

  it('keeps the order', () => {
    const queue = open();
    for (const item of ['a', 'b', 'c']) queue.offer(item);
    expect([queue.take(2), queue.take(2), queue.take(2)]).toEqual([['a', 'b'], ['c'], []]);
  });

  it('refuses beyond its number of items, until some are taken', () => {
    const queue = open();
    expect(['a', 'b', 'c', 'd'].map((item) => queue.offer(item))).toEqual([true, true, true, false]);
    queue.take(1);
    expect(queue.offer('d')).toBe(true);
    expect(queue.take(9)).toEqual(['b', 'c', 'd']);
  });

  it('refuses beyond its bytes, and gives them back', () => {
    const queue = open();
    expect([queue.offer('123456'), queue.offer('12345'), queue.offer('1234')]).toEqual([true, false, true]);
    expect(queue.bytes).toBe(10);
    queue.take(2);
    expect([queue.bytes, queue.offer('1234567890')]).toEqual([0, true]);
  });
});
