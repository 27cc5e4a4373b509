import type { Random } from '../random.js';
import type { ThreatModel } from '../threatModel.js';
import { below, clip, indexOf, type Place, type Squares } from './squares.js';

/** Tiles along a side of the first point. */
const TILES = 5;
/** The pattern has two halves with a middle each. */
const SMALLEST_SIDE = 3;
const TINY = 1e-12;

/** Moves the budget of two windows into one of them (Andriushchenko et al. 2020, algorithm 3). */
export const squaresL2: Squares = {
  begin(at, picture, threat, random) {
    const delta = new Float64Array(picture.channels * picture.height * picture.width);
    const side = Math.max(1, Math.floor(Math.min(picture.height, picture.width) / TILES));
    for (let top = 0; top + side <= picture.height; top += side)
      for (let left = 0; left + side <= picture.width; left += side)
        for (let channel = 0; channel < picture.channels; channel++) {
          const sign = random.next() < 0.5 ? 1 : -1;
          pattern(side, random).forEach((value, at) => {
            delta[indexOf(picture, channel, top + Math.floor(at / side), left + (at % side))]! += sign * value;
          });
        }
    put(at, delta, threat);
  },

  move(at, wanted, picture, threat, random) {
    const { height, width, channels } = picture;
    const side = Math.min(height, width, Math.max(SMALLEST_SIDE, wanted));
    const window = () => ({ top: below(height - side + 1, random), left: below(width - side + 1, random) });
    const [to, from] = [window(), window()];
    const delta = Float64Array.from(
      { length: channels * height * width },
      (_, i) => at.x[at.start + i]! - at.origin[at.start + i]!,
    );
    const unused = Math.max(0, threat.epsilon ** 2 - norm(delta) ** 2) / channels;
    for (let channel = 0; channel < channels; channel++) {
      const places = (of: { top: number; left: number }) =>
        Array.from({ length: side * side }, (_, i) =>
          indexOf(picture, channel, of.top + Math.floor(i / side), of.left + (i % side)),
        );
      const [target, source] = [places(to), places(from)];
      const both = [...new Set([...target, ...source])].reduce((sum, i) => sum + delta[i]! ** 2, 0);
      const old = target.map((i) => delta[i]!);
      const oldNorm = norm(old);
      const sign = random.next() < 0.5 ? 1 : -1;
      const changed = pattern(side, random).map((value, i) => sign * value + old[i]! / (TINY + oldNorm));
      const scale = Math.sqrt(unused + both) / (TINY + norm(changed));
      for (const i of source) delta[i] = 0;
      target.forEach((i, place) => (delta[i] = changed[place]! * scale));
    }
    put(at, delta, threat);
  },
};

/** Scaled to the sphere, then clipped to the range, which brings it nearer. */
function put({ x, origin, start }: Place, delta: Float64Array, { epsilon, range }: ThreatModel): void {
  const scale = epsilon / (TINY + norm(delta));
  delta.forEach((value, i) => (x[start + i] = clip(origin[start + i]! + value * scale, range)));
}

const norm = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
};

/** Side x side: two halves of opposite sign, each largest in its middle; norm 1, upright or lying by chance. */
function pattern(side: number, random: Random): Float64Array {
  const values = new Float64Array(side * side);
  const upper = Math.floor(side / 2);
  const half = (top: number, height: number, sign: number) => {
    const weights = bump(height, side);
    const size = norm(weights) || 1;
    weights.forEach((weight, at) => (values[top * side + at] = (sign * weight) / size));
  };
  half(0, upper, 1);
  half(upper, side - upper, -1);
  const size = norm(values) || 1;
  const lying = random.next() < 0.5;
  return values.map((_value, at) => values[lying ? (at % side) * side + Math.floor(at / side) : at]! / size);
}

/** Nested rectangles around the middle, the k-th adding 1 / k^2. */
function bump(height: number, width: number): Float64Array {
  const out = new Float64Array(height * width);
  const [middleRow, middleColumn] = [Math.floor(height / 2), Math.floor(width / 2)];
  out.forEach((_value, at) => {
    const away = Math.max(Math.abs(Math.floor(at / width) - middleRow), Math.abs((at % width) - middleColumn));
    const outermost = Math.max(middleRow, middleColumn) + 1;
    for (let k = away + 1; k <= outermost; k++) out[at]! += 1 / k ** 2;
  });
  return out;
}
