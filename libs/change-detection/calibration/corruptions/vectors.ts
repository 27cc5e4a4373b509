import { gaussianBlur } from './filters.js';
import { normal, type Uniform } from '../../randomness.js';

/** Rows in standard units (mean 0, deviation 1 of each feature), n x channels x time; tables have one channel. */
export interface Vectors {
  x: Float32Array;
  n: number;
  channels: number;
  time: number;
}

export type VectorCorruption = (vectors: Vectors, uniform: Uniform) => Float32Array;

export const eachValue =
  (change: (value: number, uniform: Uniform) => number): VectorCorruption =>
  ({ x }, uniform) =>
    x.map((value) => change(value, uniform));

/** The same draw for a feature in all rows, e.g. a sensor that is off. */
export const eachFeature =
  (draw: (uniform: Uniform) => number, change: (value: number, drawn: number) => number): VectorCorruption =>
  ({ x, n }, uniform) => {
    const drawn = Float64Array.from({ length: x.length / n }, () => draw(uniform));
    return x.map((value, at) => change(value, drawn[at % drawn.length]!));
  };

const dropped = (share: number) => eachValue((value, uniform) => (uniform() < share ? 0 : value));

/** Harmless changes that calibration looks at, for tables and series. */
export const VECTOR_CORRUPTIONS: Record<string, VectorCorruption> = {
  'gaussian noise, weak': eachValue((value, uniform) => value + 0.2 * normal(uniform)),
  'gaussian noise': eachValue((value, uniform) => value + 0.5 * normal(uniform)),
  'gaussian noise, strong': eachValue((value, uniform) => value + normal(uniform)),
  'uniform noise': eachValue((value, uniform) => value + 0.8 * (2 * uniform() - 1)),
  'missing values, few': dropped(0.1),
  'missing values': dropped(0.3),
  'larger scale': eachValue((value) => value * 1.4),
  'smaller scale': eachValue((value) => value * 0.6),
  'offset up': eachValue((value) => value + 0.5),
  'offset down': eachValue((value) => value - 0.5),
  'offset of each feature': eachFeature(normal, (value, offset) => value + 0.5 * offset),
  'gain of each feature': eachFeature(normal, (value, gain) => value * (1 + 0.4 * gain)),
  spikes: eachValue((value, uniform) => (uniform() < 0.04 ? value + (uniform() < 0.5 ? 4 : -4) : value)),
};

export const eachTime =
  (from: (series: Float32Array, t: number) => number): VectorCorruption =>
  ({ x, time }) =>
    x.map((_value, at) => from(x.subarray(at - (at % time), at - (at % time) + time), at % time));

const smoothed: VectorCorruption = ({ x, time }) => {
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += time) {
    out.set(gaussianBlur({ data: x.subarray(at, at + time), height: 1, width: time }, 1), at);
  }
  return out;
};

/** For series only. */
export const SERIES_CORRUPTIONS: Record<string, VectorCorruption> = {
  smoothing: smoothed,
  'shift in time': eachTime((series, t) => series[(t - 2 + series.length) % series.length]!),
  trend: eachTime((series, t) => series[t]! + t / series.length - 0.5),
};
