import { describe, expect, it } from '@jest/globals';

import { layoutOf, pictureOf, rowsAsModelTakesThem, storedDims } from './layout.js';

const data = (dims: readonly number[], x: readonly number[]) => ({
  ...{ x: Float32Array.from(x), y: new Int32Array(2), n: 2, dims, classes: 1 },
});

describe('layout', () => {
  it('tells colours from sizes, or says that it cannot', () => {
    expect(layoutOf([3, 32, 32])).toBe('nchw');
    expect(layoutOf([32, 32, 3])).toBe('nhwc');
    expect(layoutOf([3, 32, 3])).toBeUndefined();
    expect(layoutOf([8, 8, 8])).toBeUndefined();
    expect(layoutOf([784])).toBeUndefined();
  });

  // Two rows of 2 x 2 pixels with 3 colours: pixel p of colour c in row r is 100 r + 10 p + c.
  const planar = [0, 1].flatMap((r) => [0, 1, 2].flatMap((c) => [0, 1, 2, 3].map((p) => 100 * r + 10 * p + c)));
  const interleaved = [0, 1].flatMap((r) => [0, 1, 2, 3].flatMap((p) => [0, 1, 2].map((c) => 100 * r + 10 * p + c)));

  it('turns rows into the order that the model takes', () => {
    expect(storedDims([3, 2, 2], 'nhwc')).toEqual([2, 2, 3]);
    expect([...rowsAsModelTakesThem(data([2, 2, 3], interleaved), [3, 2, 2], 'nhwc').x]).toEqual(planar);
    expect(storedDims([2, 2, 3], 'nchw')).toEqual([3, 2, 2]);
    expect([...rowsAsModelTakesThem(data([3, 2, 2], planar), [2, 2, 3], 'nchw').x]).toEqual(interleaved);
  });

  it('leaves rows alone that are in order', () => {
    for (const layout of ['nchw', undefined] as const) {
      expect(storedDims([3, 2, 2], layout)).toEqual([3, 2, 2]);
      expect([...rowsAsModelTakesThem(data([3, 2, 2], planar), [3, 2, 2], layout).x]).toEqual(planar);
    }
  });

  it('refuses a layout for what is no picture', () => {
    expect(() => storedDims([784], 'nhwc')).toThrow(/--layout is for pictures/);
  });

  it('knows the sizes of pictures', () => {
    expect(pictureOf([3, 4, 5], undefined)).toEqual({ height: 4, width: 5, channels: 3, channelsLast: false });
    expect(pictureOf([6, 5, 3], undefined)).toEqual({ height: 6, width: 5, channels: 3, channelsLast: true });
    expect(pictureOf([6, 5, 2], 'nhwc')).toEqual({ height: 6, width: 5, channels: 2, channelsLast: true });
    expect(pictureOf([784], 'nhwc')).toBeUndefined();
  });
});
