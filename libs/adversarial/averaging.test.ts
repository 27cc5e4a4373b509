import { describe, expect, it } from '@jest/globals';

import { averaged } from './averaging.js';
import type { Tensors } from './checkpoint.js';

const weights = (value: number): Tensors => new Map([['w', Float32Array.of(value, -value)]]);

describe('the running mean of weights', () => {
  it('begins with the weights and then follows them as slowly as asked', () => {
    const first = averaged(new Map(), weights(1), 0.9, 1);
    expect([...first.get('w')!]).toEqual([1, -1]);
    const late = averaged(first, weights(2), 0.9, 1000).get('w')!;
    expect(late[0]).toBeCloseTo(1.1, 6);
    expect(late[1]).toBeCloseTo(-1.1, 6);
  });

  it.each([30, 300, 3000])('has forgotten the first half of %d steps, however slow the decay', (steps) => {
    let mean: Tensors = new Map();
    for (let step = 1; step <= steps; step++) mean = averaged(mean, weights(step <= steps / 2 ? 1 : 0), 0.9999, step);
    // Left of the first half: the product of the decays after it, nearly (1 / 2) ** 9.
    expect(mean.get('w')![0]).toBeGreaterThan(0);
    expect(mean.get('w')![0]).toBeLessThan(0.01);
  });
});
