import type { Random } from '../random.js';
import type { ThreatModel } from '../threatModel.js';
import { below, clip, indexOf, type PictureShape, type Place, type Squares } from './squares.js';

/** Vertical stripes at first, then squares; each colour up or down by the whole radius (Andriushchenko et al. 2020, algorithm 2). */
export const squaresLinf: Squares = {
  begin(at, picture, threat, random) {
    for (let left = 0; left < picture.width; left++)
      paint(at, { top: 0, left, height: picture.height, width: 1 }, picture, threat, random);
  },
  move(at, side, picture, threat, random) {
    const [top, left] = [below(picture.height - side + 1, random), below(picture.width - side + 1, random)];
    paint(at, { top, left, height: side, width: side }, picture, threat, random);
  },
};

function paint(
  { x, origin, start }: Place,
  window: { top: number; left: number; height: number; width: number },
  picture: PictureShape,
  { epsilon, range }: ThreatModel,
  random: Random,
): void {
  for (let channel = 0; channel < picture.channels; channel++) {
    const change = random.next() < 0.5 ? epsilon : -epsilon;
    for (let row = window.top; row < window.top + window.height; row++)
      for (let column = window.left; column < window.left + window.width; column++) {
        const i = start + indexOf(picture, channel, row, column);
        x[i] = clip(origin[i]! + change, range);
      }
  }
}
