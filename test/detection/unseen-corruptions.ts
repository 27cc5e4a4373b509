import { UNSEEN_IMAGES } from '../../libs/change-detection/fixtures/unseen-corruptions.js';
import { gaussianBlur } from '../../libs/change-detection/calibration/corruptions/filters.js';
import {
  eachPlane,
  eachValue,
  type ImageCorruption,
} from '../../libs/change-detection/calibration/corruptions/images.js';
import { normal, type Uniform } from '../../libs/change-detection/randomness.js';

type Pixel = (x: number, y: number) => number;

/** A new image whose pixels may be looked up outside of the old one: edges repeat. */
const redrawn = (draw: (old: Pixel, x: number, y: number, width: number, height: number) => number): ImageCorruption =>
  eachPlane(({ data, width, height }) => {
    const clamp = (at: number, size: number) => Math.max(0, Math.min(size - 1, at));
    const old: Pixel = (x, y) => data[clamp(y, height) * width + clamp(x, width)]!;
    return data.map((_, at) => draw(old, at % width, Math.floor(at / width), width, height));
  });

/** Knuth's method; the means are small. */
function poisson(mean: number, uniform: Uniform): number {
  let [count, product] = [0, uniform()];
  while (product > Math.exp(-mean)) {
    product *= uniform();
    count++;
  }
  return count;
}

const between = (old: Pixel, x: number, y: number): number => {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [x - left, y - top];
  const row = (at: number) => (1 - u) * old(left, at) + u * old(left + 1, at);
  return (1 - v) * row(top) + v * row(top + 1);
};

/** Smooth random displacements of some pixels, another field for each image. */
const elastic: ImageCorruption = (images, uniform) =>
  eachPlane((plane) => {
    const field = () => {
      const data = plane.data.map(() => 2 * uniform() - 1);
      return gaussianBlur({ ...plane, data }, 4).map((value) => value * 24);
    };
    const [dx, dy] = [field(), field()];
    const { data, width, height } = plane;
    const clamp = (at: number, size: number) => Math.max(0, Math.min(size - 1, at));
    const old: Pixel = (x, y) => data[clamp(y, height) * width + clamp(x, width)]!;
    return data.map((_, at) => between(old, (at % width) + dx[at]!, Math.floor(at / width) + dy[at]!));
  })(images, uniform);

/** The same pixels are dead in all images. */
const deadPixels: ImageCorruption = ({ x, height, width }, uniform) => {
  const dead = Array.from({ length: height * width }, () => uniform() < 0.06);
  return x.map((value, at) => (dead[at % (height * width)] ? 1 : value));
};

/** Harmless changes of images that calibration never looks at. */
export const UNSEEN: Record<string, ImageCorruption> = {
  ...UNSEEN_IMAGES,
  elastic,
  'dead pixels': deadPixels,
  speckle: eachValue((value, uniform) => value * (1 + 0.5 * normal(uniform))),
  'shot noise': eachValue((value, uniform) => poisson(12 * value, uniform) / 12),
  'sign noise': eachValue((value, uniform) => value + 0.15 * Math.sign(uniform() - 0.5)),
  'motion blur': redrawn((old, x, y) => [-2, -1, 0, 1, 2].reduce((sum, by) => sum + old(x + by, y) / 5, 0)),
  median: redrawn((old, x, y) => {
    const around = [-1, 0, 1].flatMap((dy) => [-1, 0, 1].map((dx) => old(x + dx, y + dy)));
    return around.sort((a, b) => a - b)[4]!;
  }),
  'half resolution': redrawn((old, x, y) => {
    const [left, top] = [x & ~1, y & ~1];
    return (old(left, top) + old(left + 1, top) + old(left, top + 1) + old(left + 1, top + 1)) / 4;
  }),
  vignette: redrawn((old, x, y, width, height) => {
    const [u, v] = [(2 * x) / (width - 1) - 1, (2 * y) / (height - 1) - 1];
    return old(x, y) * (1 - 0.45 * (u * u + v * v));
  }),
};
