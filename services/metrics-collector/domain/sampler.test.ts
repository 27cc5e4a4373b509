import { describe, expect, it } from '@jest/globals';
import { uniformStream as uniform } from '../testing/images.js';
import { Sampler } from './sampler.js';

/** The shares told for the examined rows of one second that brings `rows` rows, evenly. */
const second = (sampler: Sampler, start: number, rows: number, limit: number, waited = 0) =>
  Array.from({ length: rows }, (_, i) => sampler.admit(start * 1000 + (i * 1000) / rows, limit, waited));
const examined = (shares: (number | undefined)[]) => shares.filter((share) => share !== undefined);

describe('sampler', () => {
  it('examines every row under the limit and says so', () => {
    const sampler = new Sampler(uniform(1));
    for (let s = 0; s < 3; s++) expect(second(sampler, s, 100, 100)).toEqual(Array(100).fill(1));
  });

  it('never examines more than the limit, not even as a burst begins', () => {
    const sampler = new Sampler(uniform(2));
    for (let s = 0; s < 10; s++) expect(examined(second(sampler, s, 5000, 100)).length).toBeLessThanOrEqual(100);
  });

  it('above the limit examines a random share all over the second, and says which', () => {
    const sampler = new Sampler(uniform(3));
    second(sampler, 0, 1000, 100);
    const halves = [0, 0];
    let total = 0;
    for (let s = 1; s <= 50; s++) {
      const shares = second(sampler, s, 1000, 100);
      shares.forEach((share, i) => {
        if (share === undefined) return;
        expect(share).toBe(0.1);
        halves[i < 500 ? 0 : 1]!++;
        total++;
      });
    }
    // Binomial(50 x 1000, .1), cut at 100 a second: mean a little under 5000, standard deviation 67.
    expect(total).toBeGreaterThan(4500);
    expect(Math.abs(halves[0]! - halves[1]!)).toBeLessThan(600);
  });

  it('examines ever fewer of rows that have waited, and says so', () => {
    const sampler = new Sampler(uniform(5));
    expect(second(sampler, 0, 100, 1000, 9_000)).toEqual(Array(100).fill(1));
    const shares = [1, 2, 3, 4].map((s) => second(sampler, s, 1000, 1000, 40_000));
    expect(new Set(examined(shares.flat()))).toEqual(new Set([0.25]));
    // Binomial(4000, .25): standard deviation 27.
    expect(Math.abs(examined(shares.flat()).length - 1000)).toBeLessThan(110);
  });

  it('returns to all rows when the rate falls', () => {
    const sampler = new Sampler(uniform(4));
    second(sampler, 0, 1000, 100);
    second(sampler, 1, 50, 100); // still judged by the second before
    expect(second(sampler, 2, 50, 100)).toEqual(Array(50).fill(1));
    second(sampler, 3, 1000, 100);
    expect(second(sampler, 60, 50, 100)).toEqual(Array(50).fill(1));
  });
});
