import { describe, expect, it } from '@jest/globals';
import { prepareBasis } from '../aim/transform.js';
import { bandEnergy } from './band-energy.js';
import { confidence, predictedClass, probabilities } from './probabilities.js';
import { squeezed, squeezeScore } from './squeeze.js';

describe('scores of one row', () => {
  it('probabilities do not overflow', () => {
    expect([...probabilities(Float32Array.of(1000, 1000, -1000))]).toEqual([0.5, 0.5, 0]);
    expect(confidence(Float32Array.of(0, Math.log(3)))).toBeCloseTo(0.75, 6);
    expect(predictedClass(Float32Array.of(1, 3, 3))).toBe(1);
  });

  it('squeezing keeps 2^bits levels of the range', () => {
    expect([...squeezed(Float32Array.of(-1, -0.2, 0.2, 1), 1, [-1, 1])]).toEqual([-1, -1, 1, 1]);
    expect(
      new Set(
        squeezed(
          Float32Array.from({ length: 100 }, (_, i) => i / 99),
          3,
          [0, 1],
        ),
      ).size,
    ).toBe(8);
    expect(squeezeScore(Float32Array.of(50, 0), Float32Array.of(0, 50))).toBeCloseTo(2, 6);
    expect(squeezeScore(Float32Array.of(1, 0), Float32Array.of(1, 0))).toBe(0);
  });

  it('band energy is the mean absolute Laplacian of all channels, in either layout', () => {
    const [height, width] = [5, 6];
    const image = (channelsLast: boolean) =>
      prepareBasis({ kind: 'image', channels: 2, height, width, channelsLast, mix: [1, 0, 0, 1] });
    const first = new Float32Array(2 * height * width);
    first[2 * width + 3] = 1; // one point of channel 0, inside: 4 at it, 1 at each of its four neighbours
    const last = first.map((_v, at) => first[(at % 2) * height * width + Math.floor(at / 2)]!);
    expect(bandEnergy(image(false), [], first)).toBeCloseTo(8 / 60, 6);
    expect(bandEnergy(image(true), [], last)).toBeCloseTo(8 / 60, 6);
  });

  it('band energy of vectors looks at the small components only', () => {
    const basis = prepareBasis({
      kind: 'vector',
      mean: [0, 0, 0, 0],
      vectors: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    });
    expect(bandEnergy(basis, [9, 4, 1, 0.25], Float32Array.of(100, 100, 0, 0))).toBe(0);
    expect(bandEnergy(basis, [9, 4, 1, 0.25], Float32Array.of(0, 0, 2, 1))).toBeCloseTo((4 + 4) / 2, 6);
  });
});
