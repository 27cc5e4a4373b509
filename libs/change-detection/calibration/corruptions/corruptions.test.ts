import { describe, expect, it } from '@jest/globals';
import { UNSEEN_IMAGES } from '../../fixtures/unseen-corruptions.js';
import { seeded } from '../../randomness.js';
import { corruptionsFor, onImages, unitsOf } from './corruptions.js';
import { gaussianBlur, rolled, rotated } from './filters.js';
import { IMAGE_CORRUPTIONS } from './images.js';
import { jpeg } from './jpeg.js';

const uniform = seeded(1);
const random = (n: number, low: number, high: number) =>
  Float32Array.from({ length: n }, () => low + (high - low) * uniform());

const inputs = {
  images: { dims: [3, 12, 10], classes: 2, range: [-1, 1] as const },
  'images, channels last': { dims: [12, 10, 3], classes: 2, range: [0, 255] as const },
  series: { dims: [2, 30], classes: 2, range: [-4, 4] as const },
  tables: { dims: [17], classes: 2, range: [0, 100] as const },
};

describe.each(Object.entries(inputs))('harmless changes of %s', (_name, input) => {
  const features = input.dims.reduce((product, size) => product * size, 1);
  const [low, high] = input.range;
  const x = random(5 * features, low, high);
  const corruptions = corruptionsFor(input, unitsOf(x, 5));

  it.each(corruptions.map((corruption) => [corruption.name, corruption] as const))(
    '%s: changes rows within the range, alike for the same seed',
    (_kind, { apply }) => {
      const once = apply(x, 5, seeded(2));
      expect(once.length).toBe(x.length);
      expect(once.every((value) => value >= low - 1e-4 && value <= high + 1e-4)).toBe(true);
      expect(once).not.toEqual(x);
      expect(apply(x, 5, seeded(2))).toEqual(once);
    },
  );
});

it('does the same to both image layouts', () => {
  const [pixels, channels] = [12 * 10, 3];
  const first = random(pixels * channels, 0, 1);
  const last = first.map((_value, at) => first[(at % channels) * pixels + Math.floor(at / channels)]!);
  const layout = { channels, height: 12, width: 10 };
  const blur = (channelsLast: boolean) =>
    onImages('blur', IMAGE_CORRUPTIONS.blur!, { ...layout, channelsLast }, { dims: [], classes: 2, range: [0, 1] });
  const [a, b] = [blur(false).apply(first, 1, uniform), blur(true).apply(last, 1, uniform)];
  b.forEach((value, at) => expect(value).toBeCloseTo(a[(at % channels) * pixels + Math.floor(at / channels)]!, 6));
});

it('keeps kinds for validation out of calibration', () => {
  expect(Object.keys(UNSEEN_IMAGES).filter((name) => name in IMAGE_CORRUPTIONS)).toEqual([]);
});

describe('filters', () => {
  const flat = { data: new Float32Array(20 * 16).fill(0.4), height: 20, width: 16 };

  it('leave a flat plane as it is', () => {
    for (const out of [gaussianBlur(flat, 1.3), rotated(flat, 25), rolled(flat, 3, 2)]) {
      out.forEach((value) => expect(value).toBeCloseTo(0.4, 6));
    }
    jpeg(flat, 40).forEach((value) => expect(Math.abs(value - 0.4)).toBeLessThan(0.02));
  });

  it('blur by a gaussian, rotate about the centre, roll around', () => {
    const point = { data: new Float32Array(21 * 21), height: 21, width: 21 };
    point.data[10 * 21 + 13] = 1;
    const blurred = gaussianBlur(point, 1);
    expect(blurred[10 * 21 + 14]! / blurred[10 * 21 + 13]!).toBeCloseTo(Math.exp(-0.5), 5);
    expect(blurred.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    const turned = rotated(point, 90);
    expect([turned[7 * 21 + 10]!, turned[13 * 21 + 10]!].sort()).toEqual([0, expect.closeTo(1, 5)]);
    expect(rolled(point, 2, -1)[12 * 21 + 12]).toBe(1);
  });

  it('lose more to a lower JPEG quality', () => {
    const plane = { data: random(20 * 16, 0, 1), height: 20, width: 16 };
    const lost = (quality: number) => Math.hypot(...jpeg(plane, quality).map((value, at) => value - plane.data[at]!));
    expect(lost(12)).toBeGreaterThan(lost(40));
    expect(lost(40)).toBeGreaterThan(lost(95));
    expect(lost(95)).toBeGreaterThan(0);
  });
});
