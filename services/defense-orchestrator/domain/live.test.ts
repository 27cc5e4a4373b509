import { describe, expect, it } from '@jest/globals';
import { window } from '../testing/events.js';
import { noCounts } from './defense.js';
import { count } from './live.js';

const at = (second: number) => new Date(1000 * second).toISOString();
const rows = (second: number) => window(at(second), { labelled: 10, correct: 7 });

describe('windows of live accuracy', () => {
  it('count once each, in whatever order they come', () => {
    const counts = noCounts();
    for (const second of [4, 8, 6, 4, 6, 8, 10]) count(counts, rows(second), at(2));
    expect(counts).toMatchObject({ labelled: 40, correct: 28, windows: 4 });
    expect(counts.counted).toEqual([4, 6, 8, 10].map(at));
  });

  it('do not count when they end before what they are to tell about', () => {
    const counts = noCounts();
    expect([1, 2, 3].map((second) => count(counts, rows(second), at(2)))).toEqual([false, false, true]);
  });

  it('are remembered for ten minutes, and nothing older counts', () => {
    const counts = noCounts();
    for (let second = 2; second <= 2000; second += 2) count(counts, rows(second), at(0));
    expect(counts.labelled).toBe(10_000);
    expect([2, 1402, 1998].map((second) => count(counts, rows(second), at(0)))).toEqual([false, false, false]);
    expect(counts.counted).toHaveLength(300);
  });
});
