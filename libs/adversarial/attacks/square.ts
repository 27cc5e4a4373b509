import type { Forward } from '#onnx-autodiff';

import { batches } from './batches.js';
import type { PictureShape } from './squares.js';
import { squaresL2 } from './squaresL2.js';
import { squaresLinf } from './squaresLinf.js';
import { noteFallen, type WorstCase } from './restarts.js';
import { argMax, checkRows, gatherRows, type Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import type { Random } from '../random.js';
import { checkInRange, checkThreat, type ThreatModel } from '../threatModel.js';

export interface SquareOptions {
  picture: PictureShape;
  queries: number;
  random: Random;
  batch: number;
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number) => void) | undefined;
}

/** Share of the picture's area that the first squares have. */
const FIRST_SHARE = 0.8;
/** Of 10,000 queries; at each of them the share is halved. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

const SQUARES = { linf: squaresLinf, l2: squaresL2 };

/**
 * Square attack (Andriushchenko et al. 2020): random squares of the largest perturbation, kept where they bring a wrong class
 * nearer. It sees scores only, so gradients that are of no use do not hide anything from it.
 */
export async function square(
  forward: Forward,
  rows: Rows,
  threat: ThreatModel,
  options: SquareOptions,
): Promise<WorstCase> {
  const { picture, batch, onProgress } = options;
  requireThat(
    picture.height * picture.width * picture.channels === forward.features,
    'picture',
    `does not have the model's ${forward.features} values`,
  );
  checkThreat(threat);
  checkRows('rows', rows, forward.features, forward.classes);
  checkInRange('rows.x', rows.x, threat.range);
  const result: WorstCase = { standing: Array.from(rows.y, () => true), x: rows.x.slice() };
  for (const members of batches(rows.y.length, batch)) {
    await attackBatch(forward, rows, members, threat, options, result);
    onProgress?.((members.at(-1)! + 1) / rows.y.length);
  }
  return result;
}

async function attackBatch(
  forward: Forward,
  { x, y }: Rows,
  members: readonly number[],
  threat: ThreatModel,
  { picture, queries, random, signal }: SquareOptions,
  result: WorstCase,
): Promise<void> {
  const { classes, features } = forward;
  const ask = async (points: Float32Array): Promise<number[]> => {
    const logits = await forward.run(points, members.length);
    noteFallen(result, members, points, (place, row) => argMax(logits, place, classes) === y[row]);
    return members.map((row, place) => margin(logits, place, y[row]!, classes));
  };
  const origin = gatherRows(x, members, features, members.length);
  const best = origin.slice();
  const squares = SQUARES[threat.norm];
  for (const place of members.keys())
    squares.begin({ x: best, origin, start: place * features }, picture, threat, random);
  let margins = await ask(best);
  for (let query = 1; query < queries && members.some((row) => result.standing[row]); query++) {
    signal?.throwIfAborted();
    const side = sideOf(query, queries, picture);
    const tried = best.slice();
    for (const place of members.keys())
      squares.move({ x: tried, origin, start: place * features }, side, picture, threat, random);
    const found = await ask(tried);
    margins = margins.map((before, place) => {
      if (!(found[place]! < before)) return before;
      best.set(tried.subarray(place * features, (place + 1) * features), place * features);
      return found[place]!;
    });
  }
}

function sideOf(query: number, queries: number, { height, width }: SquareOptions['picture']): number {
  const passed = HALVINGS.filter((at) => (query / queries) * 10_000 > at).length;
  const side = Math.round(Math.sqrt((FIRST_SHARE / 2 ** passed) * height * width));
  return Math.min(height, width, Math.max(1, side));
}

/** How far the true class is ahead of the best other one. */
function margin(logits: Float32Array, row: number, label: number, classes: number): number {
  let other = -Infinity;
  for (let c = 0; c < classes; c++) if (c !== label) other = Math.max(other, logits[row * classes + c]!);
  return logits[row * classes + label]! - other;
}
