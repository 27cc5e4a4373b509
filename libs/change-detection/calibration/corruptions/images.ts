import { gaussianBlur, rolled, rotated, type Plane } from './filters.js';
import { jpeg } from './jpeg.js';
import { normal, type Uniform } from '../../randomness.js';

/** Images with values in [0, 1], n x channels x height x width. */
export interface Images {
  x: Float32Array;
  n: number;
  channels: number;
  height: number;
  width: number;
}

export type ImageCorruption = (images: Images, uniform: Uniform) => Float32Array;

const unit = (value: number) => Math.max(0, Math.min(1, value));

export const eachValue =
  (change: (value: number, uniform: Uniform, strength: number) => number): ImageCorruption =>
  (images, uniform) =>
    images.x.map((value) => unit(change(value, uniform, strengthFor(images))));

export const eachPlane =
  (change: (plane: Plane) => Float32Array): ImageCorruption =>
  ({ x, height, width }) => {
    const out = new Float32Array(x.length);
    for (let at = 0; at < x.length; at += height * width) {
      out.set(change({ data: x.subarray(at, at + height * width), height, width }).map(unit), at);
    }
    return out;
  };

/** Colour photographs take less noise than drawings in one channel before they are spoilt. */
const strengthFor = ({ channels }: Images) => (channels === 1 ? 1 : 0.6);
/** Very small images (8 x 8) take less blur. */
const blur = (sigma: number) => eachPlane((plane) => gaussianBlur(plane, plane.height > 8 ? sigma : sigma / 2));

const saltAndPepper = (share: number) =>
  eachValue((value, uniform) => {
    const u = uniform();
    return u < share ? 0 : u > 1 - share ? 1 : value;
  });

/** Contrast about the mean of each image. */
const contrast =
  (factor: number): ImageCorruption =>
  ({ x, n }) => {
    const features = x.length / n;
    const out = new Float32Array(x.length);
    for (let at = 0; at < x.length; at += features) {
      const image = x.subarray(at, at + features);
      const mean = image.reduce((sum, value) => sum + value, 0) / features;
      out.set(
        image.map((value) => unit(mean + (value - mean) * factor)),
        at,
      );
    }
    return out;
  };

/** A grey square somewhere over 30 % of the side. */
const occlusion: ImageCorruption = ({ x, n, channels, height, width }, uniform) => {
  const out = x.slice();
  const side = Math.max(1, Math.floor(Math.min(height, width) * 0.3));
  for (let image = 0; image < n; image++) {
    const top = Math.floor(uniform() * (height - side + 1));
    const left = Math.floor(uniform() * (width - side + 1));
    for (let channel = 0; channel < channels; channel++) {
      for (let row = top; row < top + side; row++) {
        const start = ((image * channels + channel) * height + row) * width + left;
        out.fill(0.5, start, start + side);
      }
    }
  }
  return out;
};

const sharpened = eachPlane((plane) => {
  const soft = gaussianBlur(plane, 1);
  return plane.data.map((value, at) => value + (value - soft[at]!));
});

/** Harmless changes that calibration looks at. Salt and pepper, blur and sharpening come closest to an attack: keep them. */
export const IMAGE_CORRUPTIONS: Record<string, ImageCorruption> = {
  'gaussian noise, weak': eachValue((value, uniform, k) => value + 0.08 * k * normal(uniform)),
  'gaussian noise': eachValue((value, uniform, k) => value + 0.16 * k * normal(uniform)),
  'gaussian noise, strong': eachValue((value, uniform, k) => value + 0.28 * k * normal(uniform)),
  'uniform noise': eachValue((value, uniform, k) => value + 0.3 * k * (2 * uniform() - 1)),
  'salt and pepper, weak': saltAndPepper(0.03),
  'salt and pepper': saltAndPepper(0.08),
  'blur, weak': blur(0.6),
  blur: blur(1),
  'blur, strong': blur(1.6),
  brighter: eachValue((value, _uniform, k) => value + 0.15 * k),
  darker: eachValue((value, _uniform, k) => value - 0.15 * k),
  'less contrast': contrast(0.5),
  'more contrast': contrast(1.6),
  occlusion,
  'rotation by 12 degrees': eachPlane((plane) => rotated(plane, 12)),
  'rotation by 25 degrees': eachPlane((plane) => rotated(plane, 25)),
  shift: eachPlane((plane) =>
    rolled(plane, Math.max(1, Math.floor(plane.height / 10)), Math.max(1, Math.floor(plane.width / 14))),
  ),
  'JPEG quality 40': eachPlane((plane) => jpeg(plane, 40)),
  'JPEG quality 12': eachPlane((plane) => jpeg(plane, 12)),
  sharpening: sharpened,
};
