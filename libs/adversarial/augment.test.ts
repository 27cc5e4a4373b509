import { describe, expect, it } from '@jest/globals';

import { augment } from './augment.js';
import { random } from './random.js';

describe('augmentation', () => {
  const [height, width, channels] = [3, 4, 2];
  const size = height * width * channels;
  const planar = Float32Array.from({ length: 50 * size }, (_, i) => 1 + (i % size));
  const still = { shift: 0, flip: false, channelsLast: false };
  const dims = [channels, height, width];

  it('changes nothing where nothing is wanted', () => {
    expect(augment(planar, dims, 0, still, random(1))).toEqual(planar);
  });

  it('turns half of the pictures, whole ones', () => {
    const turned = augment(planar, dims, 0, { ...still, flip: true }, random(1));
    const mirrored = (row: number, at: number) => planar[row * size + at - (at % width) + (width - 1 - (at % width))];
    let count = 0;
    for (let row = 0; row < 50; row++) {
      const own = turned[row * size] !== planar[row * size];
      count += Number(own);
      for (let at = 0; at < size; at++)
        expect(turned[row * size + at]).toBe(own ? mirrored(row, at) : planar[row * size + at]);
    }
    expect(count).toBeGreaterThan(15);
    expect(count).toBeLessThan(35);
  });

  it('moves pictures with all their channels, and fills up with the lowest value', () => {
    const moved = augment(planar, dims, -1, { ...still, shift: 1 }, random(2));
    const seen = new Set<string>();
    for (let row = 0; row < 50; row++) {
      const picture = moved.subarray(row * size, (row + 1) * size);
      const offsets = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => [down, right] as const));
      const found = offsets.find(([down, right]) =>
        picture.every((value, at) => {
          const [y, x] = [(Math.floor(at / width) % height) - down, (at % width) - right];
          const inside = y >= 0 && y < height && x >= 0 && x < width;
          return value === (inside ? planar[row * size + at - down * width - right] : -1);
        }),
      );
      expect(found).toBeDefined();
      seen.add(String(found));
    }
    expect(seen.size).toBe(9);
  });

  it('does the same to pictures whose channels come last', () => {
    const last = Float32Array.from(planar, (_, i) => {
      const [row, at] = [Math.floor(i / size), i % size];
      return planar[row * size + (at % channels) * height * width + Math.floor(at / channels)]!;
    });
    const wanted = { shift: 1, flip: true };
    const a = augment(planar, dims, 0, { ...wanted, channelsLast: false }, random(3));
    const b = augment(last, [height, width, channels], 0, { ...wanted, channelsLast: true }, random(3));
    b.forEach((value, i) => {
      const [row, at] = [Math.floor(i / size), i % size];
      expect(value).toBe(a[row * size + (at % channels) * height * width + Math.floor(at / channels)]);
    });
  });
});
