import type { Random } from '../random.js';
import type { ThreatModel } from '../threatModel.js';

/** How pictures lie in a row. */
export interface PictureShape {
  height: number;
  width: number;
  channels: number;
  channelsLast: boolean;
}

/** One row of a batch: values `start` to `start + features` of `x` and `origin`. */
export interface Place {
  x: Float32Array;
  origin: Float32Array;
  start: number;
}

/** The moves of the square attack under one norm. Every point stays in the ball and in the range. */
export interface Squares {
  /** The first point. */
  begin(at: Place, picture: PictureShape, threat: ThreatModel, random: Random): void;
  /** Changes a square of the given side. */
  move(at: Place, side: number, picture: PictureShape, threat: ThreatModel, random: Random): void;
}

/** Where a value lies in its row. */
export const indexOf = (
  { height, width, channels, channelsLast }: PictureShape,
  channel: number,
  row: number,
  column: number,
): number => (channelsLast ? (row * width + column) * channels + channel : (channel * height + row) * width + column);

export const below = (n: number, random: Random): number => Math.floor(random.next() * n);

export const clip = (value: number, [low, high]: ThreatModel['range']): number => Math.min(high, Math.max(low, value));
