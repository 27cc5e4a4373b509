import type { Random } from './random.js';
import type { Augmentation } from './recipe.js';

/** Rows of pictures, each moved and turned by chance. `dims` of one row: [channels, height, width], or [height, width, channels]. */
export function augment(
  x: Float32Array,
  dims: readonly number[],
  lowest: number,
  { shift, flip, channelsLast }: Augmentation,
  random: Random,
): Float32Array {
  const [a = 1, b = 1, c = 1] = dims;
  const [channels, height, width] = channelsLast ? [c, a, b] : [a, b, c];
  const features = channels * height * width;
  const place = (channel: number, row: number, column: number) =>
    channelsLast ? (row * width + column) * channels + channel : (channel * height + row) * width + column;
  const out = new Float32Array(x.length).fill(lowest);
  const moved = () => Math.floor(random.next() * (2 * shift + 1)) - shift;
  for (let start = 0; start < x.length; start += features) {
    const [down, right] = [moved(), moved()];
    const turned = flip && random.next() < 0.5;
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const [fromRow, shifted] = [row - down, column - right];
        if (fromRow < 0 || fromRow >= height || shifted < 0 || shifted >= width) continue;
        const fromColumn = turned ? width - 1 - shifted : shifted;
        for (let channel = 0; channel < channels; channel++)
          out[start + place(channel, row, column)] = x[start + place(channel, fromRow, fromColumn)]!;
      }
  }
  return out;
}
