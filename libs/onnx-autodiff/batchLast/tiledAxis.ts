import { type Emitter, range } from '../emitter.js';
import { type Bilinear, bilinear, type Matrix, transposed } from './bilinear.js';
import { constantMatrix, indexTable, stackedMatrices } from './constants.js';

/** One spatial axis of a convolution, cut into tiles of `m` outputs. */
export interface TiledAxis {
  readonly algorithm: Bilinear;
  readonly size: number;
  readonly outputs: number;
  readonly pad: number;
  readonly tiles: number;
  /** Products along the axis: tiles x those of a tile. */
  readonly products: number;
}

export function tiledAxis(size: number, outputs: number, taps: number, stride: number, pad: number): TiledAxis {
  const algorithm = bilinear(Math.min(MOST_OUTPUTS, outputs), taps, stride);
  const tiles = Math.ceil(outputs / algorithm.m);
  return { algorithm, size, outputs, pad, tiles, products: tiles * algorithm.input.length };
}

/** More save more products, but cost digits and a larger transform. */
const MOST_OUTPUTS = 4;
/** On longer axes the matrix of all tiles is mostly zeros: samples are gathered tile by tile instead. */
const LONG = 24;
/** From so many on, computing a whole last tile and dropping what is too much beats the matrix of all tiles. */
const MANY_TILES = 3;

/** [P, size, R] to [P, products, R]. The matrices leave out samples beyond the border: no padding, no overlapping tiles to copy. */
export function toProducts(emit: Emitter, x: string, axis: TiledAxis): string {
  const [planes = 1, , rest = 1] = emit.dims(x);
  const { algorithm, size, tiles, products } = axis;
  if (size < LONG) return alongAxis(emit, banded(axis), x);
  const places = samplePlaces(axis);
  const clamped = places.flat().map((place) => Math.min(size - 1, Math.max(0, place)));
  const gathered = emit.apply('Gather', [x, indexTable(emit, clamped, [tiles, places[0]?.length ?? 1])], { axis: 1 }, [
    planes,
    tiles,
    places[0]?.length ?? 1,
    rest,
  ]);
  const ofTile = places.map((ofOne) =>
    algorithm.input.map((row) => row.map((value, i) => (inside(ofOne[i] ?? -1, size) ? value : 0))),
  );
  return emit.reshape(emit.matMul(stackedMatrices(emit, ofTile), gathered), [planes, products, rest]);
}

/** The adjoint: [P, products, R] to [P, size, R]. */
export function fromProducts(emit: Emitter, x: string, axis: TiledAxis): string {
  const [planes = 1, , rest = 1] = emit.dims(x);
  const { algorithm, size, products } = axis;
  const full = transposed(banded(axis)); // [size][products]
  const block = algorithm.m * algorithm.stride;
  if (size < LONG || size % block !== 0) return alongAxis(emit, full, x);
  const rowsOf = Array.from({ length: size / block }, (_, i) => full.slice(i * block, (i + 1) * block));
  const touched = rowsOf.map((rows) =>
    Array.from({ length: products }, (_, i) => i).filter((column) => rows.some((row) => row[column] !== 0)),
  );
  const most = Math.max(...touched.map((columns) => columns.length));
  const padded = touched.map((columns) => Array.from({ length: most }, (_, i) => columns[i] ?? columns[0] ?? 0));
  const gathered = emit.apply('Gather', [x, indexTable(emit, padded.flat(), [padded.length, most])], { axis: 1 }, [
    planes,
    padded.length,
    most,
    rest,
  ]);
  const matrices = rowsOf.map((rows, i) =>
    rows.map((row) => (padded[i] ?? []).map((column, k) => (k < (touched[i]?.length ?? 0) ? (row[column] ?? 0) : 0))),
  );
  return emit.reshape(emit.matMul(stackedMatrices(emit, matrices), gathered), [planes, size, rest]);
}

/** [P, products, R] to [P, outputs, R]. */
export function toOutputs(emit: Emitter, x: string, axis: TiledAxis): string {
  const { algorithm, tiles } = axis;
  if (!wholeTiles(axis) && tiles < MANY_TILES) return alongAxis(emit, bandedOutput(axis), x);
  return cropped(emit, ofEachTile(emit, algorithm.output, x, tiles, tiles * algorithm.m), axis);
}

/** The adjoint: [P, outputs, R] to [P, products, R]. */
export function fromOutputs(emit: Emitter, x: string, axis: TiledAxis): string {
  const { algorithm, products } = axis;
  if (wholeTiles(axis)) return ofEachTile(emit, transposed(algorithm.output), x, axis.tiles, products);
  return alongAxis(emit, transposed(bandedOutput(axis)), x);
}

/** Without the last tile's outputs beyond the border. */
function cropped(emit: Emitter, x: string, { outputs }: TiledAxis): string {
  const [planes = 1, length = 1, rest = 1] = emit.dims(x);
  if (length === outputs) return x;
  const kept = indexTable(emit, range(0, outputs), [outputs]);
  return emit.apply('Gather', [x, kept], { axis: 1 }, [planes, outputs, rest]);
}

const wholeTiles = ({ algorithm, outputs, tiles }: TiledAxis): boolean => outputs % algorithm.m === 0 && tiles > 1;

function ofEachTile(emit: Emitter, matrix: Matrix, x: string, tiles: number, result: number): string {
  const [planes = 1, length = 1, rest = 1] = emit.dims(x);
  const split = emit.reshape(x, [planes * tiles, length / tiles, rest]);
  return emit.reshape(emit.matMul(constantMatrix(emit, matrix), split), [planes, result, rest]);
}

function alongAxis(emit: Emitter, matrix: Matrix, x: string): string {
  const [planes = 1, length = 1, rest = 1] = emit.dims(x);
  const constant = constantMatrix(emit, matrix);
  if (planes > 1) return emit.matMul(constant, x);
  return emit.reshape(emit.matMul(constant, emit.reshape(x, [length, rest])), [1, matrix.length, rest]);
}

const samplePlaces = ({ algorithm, tiles, pad }: TiledAxis): number[][] =>
  Array.from({ length: tiles }, (_, tile) =>
    (algorithm.input[0] ?? []).map((_unused, sample) => tile * algorithm.m * algorithm.stride + sample - pad),
  );

const inside = (place: number, size: number): boolean => place >= 0 && place < size;

/** [products][size]: the input transform of all tiles at once. */
function banded(axis: TiledAxis): number[][] {
  return samplePlaces(axis).flatMap((places) =>
    axis.algorithm.input.map((row) => {
      const whole = Array<number>(axis.size).fill(0);
      places.forEach((place, i) => {
        if (inside(place, axis.size)) whole[place] = row[i] ?? 0;
      });
      return whole;
    }),
  );
}

/** [outputs][products] */
function bandedOutput({ algorithm, outputs, products }: TiledAxis): number[][] {
  const ofTile = algorithm.input.length;
  return Array.from({ length: outputs }, (_, output) => {
    const whole = Array<number>(products).fill(0);
    const tile = Math.floor(output / algorithm.m);
    (algorithm.output[output % algorithm.m] ?? []).forEach((value, i) => (whole[tile * ofTile + i] = value));
    return whole;
  });
}
