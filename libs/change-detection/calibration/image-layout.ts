import type { InputShape } from '../model.js';

export interface ImageLayout {
  channels: number;
  height: number;
  width: number;
  channelsLast: boolean;
}

const MOST_CHANNELS = 4;
const SMALLEST_SIDE = 4;

/** Rows of three dims are images, [channels, height, width] or [height, width, channels]; null for anything else. */
export function imageLayout({ dims }: InputShape): ImageLayout | null {
  if (dims.length !== 3) return null;
  const [a = 0, b = 0, c = 0] = dims;
  const fits = (channels: number, height: number, width: number) =>
    channels <= MOST_CHANNELS && height >= SMALLEST_SIDE && width >= SMALLEST_SIDE;
  if (fits(a, b, c)) return { channels: a, height: b, width: c, channelsLast: false };
  if (fits(c, a, b)) return { channels: c, height: a, width: b, channelsLast: true };
  return null;
}
