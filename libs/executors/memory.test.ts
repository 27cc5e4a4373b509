import { describe, expect, it } from '@jest/globals';

import { memoryBytes, memoryLeft } from './memory.js';

describe('memory', () => {
  it.each([
    ['512MiB', 2 ** 29],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['2TiB', 2 ** 41],
  ])('reads %s', (text, bytes) => expect(memoryBytes(text)).toBe(bytes));

  it.each(['', '4', '4GB', '-1GiB', '4 GiB', '.5GiB'])('does not take "%s" for an amount', (text) =>
    expect(memoryBytes(text)).toBeUndefined(),
  );

  it('counts what the process has already', () => {
    const { rss } = process.memoryUsage();
    expect(memoryLeft(2 ** 40)).toBeLessThan(2 ** 40 - rss / 2);
    expect(memoryLeft(1)).toBeLessThan(0);
    expect(memoryLeft()).toBeGreaterThan(0);
  });
});
