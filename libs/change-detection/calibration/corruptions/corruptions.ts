import type { InputShape } from '../../model.js';
import { imageLayout, type ImageLayout } from '../image-layout.js';
import { IMAGE_CORRUPTIONS, type ImageCorruption } from './images.js';
import type { Uniform } from '../../randomness.js';
import { SERIES_CORRUPTIONS, VECTOR_CORRUPTIONS, type VectorCorruption } from './vectors.js';

/** A harmless change of `rows` rows in input units. */
export interface Corruption {
  name: string;
  apply: (x: Float32Array, rows: number, uniform: Uniform) => Float32Array;
}

/** Centre and spread of each feature on trusted rows: what one standard unit is for tables and series. */
export interface Units {
  mean: Float64Array;
  deviation: Float64Array;
}

export function corruptionsFor(input: InputShape, units: Units): Corruption[] {
  const layout = imageLayout(input);
  if (layout) return Object.entries(IMAGE_CORRUPTIONS).map(([name, change]) => onImages(name, change, layout, input));
  const kinds = input.dims.length === 2 ? { ...VECTOR_CORRUPTIONS, ...SERIES_CORRUPTIONS } : VECTOR_CORRUPTIONS;
  return Object.entries(kinds).map(([name, change]) => onVectors(name, change, input, units));
}

export function onImages(
  name: string,
  change: ImageCorruption,
  { channels, height, width, channelsLast }: ImageLayout,
  { range: [low, high] }: InputShape,
): Corruption {
  const features = channels * height * width;
  /** Where the value of a planar image lies in the input's layout. */
  const place = (at: number): number => {
    if (!channelsLast) return at;
    const within = at % features;
    const pixel = within % (height * width);
    return at - within + pixel * channels + Math.floor(within / (height * width));
  };
  return {
    name,
    apply: (x, rows, uniform) => {
      const planar = Float32Array.from(x, (_value, at) => (x[place(at)]! - low) / (high - low));
      const changed = change({ x: planar, n: rows, channels, height, width }, uniform);
      const out = new Float32Array(x.length);
      changed.forEach((value, at) => (out[place(at)] = low + value * (high - low)));
      return out;
    },
  };
}

export function onVectors(
  name: string,
  change: VectorCorruption,
  { dims, range: [low, high] }: InputShape,
  { mean, deviation }: Units,
): Corruption {
  const features = mean.length;
  const time = dims.length === 2 ? dims[1]! : features;
  return {
    name,
    apply: (x, rows, uniform) => {
      const standard = x.map((value, at) => (value - mean[at % features]!) / deviation[at % features]!);
      const changed = change({ x: standard, n: rows, channels: features / time, time }, uniform);
      return changed.map((value, at) => {
        const own = mean[at % features]! + value * deviation[at % features]!;
        return Math.max(low, Math.min(high, own));
      });
    },
  };
}

export function unitsOf(x: Float32Array, n: number): Units {
  const features = x.length / n;
  const [mean, deviation] = [new Float64Array(features), new Float64Array(features)];
  x.forEach((value, at) => (mean[at % features]! += value / n));
  x.forEach((value, at) => (deviation[at % features]! += (value - mean[at % features]!) ** 2 / n));
  return { mean, deviation: deviation.map((variance) => Math.sqrt(variance) || 1) };
}
