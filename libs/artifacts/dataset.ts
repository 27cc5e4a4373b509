import { DatasetError } from './errors.js';
import { readIdx } from './idx.js';
import type { NpyArray, NpyData } from './npy.js';
import { readNpz } from './npz.js';

/** Labelled rows; `x` holds n rows of shape `dims` in C order, `y` a class index for each. */
export interface Dataset {
  x: Float32Array;
  y: Int32Array;
  n: number;
  dims: readonly number[];
  classes: number;
}

export interface DatasetOptions {
  /** Smallest and largest valid input value. Bytes are stretched from 0..255 to it; other values must lie inside. */
  range: readonly [number, number];
  /** Shape of one row as the model wants it; rows stored flat, or without axes of size 1, are taken too. */
  dims: readonly number[];
  /** Number of classes, where the model says it; else the largest label + 1. */
  classes?: number;
  maxBytes?: number;
}

const MAX_BYTES = 2 ** 30;

/** An `.npz` with the arrays `x` (n rows) and `y` (n integer labels). `name` is what errors call the file. */
export function readDataset(bytes: Uint8Array, name: string, options: DatasetOptions): Dataset {
  const arrays = readNpz(bytes, name, options.maxBytes ?? MAX_BYTES);
  const required = (field: string): NpyArray => {
    const array = arrays.get(field);
    if (!array) {
      throw new DatasetError(name, field, `is missing; the file has: ${[...arrays.keys()].join(', ') || 'no arrays'}`);
    }
    return array;
  };
  return labelledRows(name, required('x'), required('y'), options);
}

/** The two files of an MNIST-like dataset, each plain or gzipped. */
export function readIdxDataset(
  files: { images: Uint8Array; labels: Uint8Array },
  name: string,
  options: DatasetOptions,
): Dataset {
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  const images = readIdx(files.images, name, 'images', maxBytes);
  return labelledRows(name, images, readIdx(files.labels, name, 'labels', maxBytes), options);
}

function labelledRows(file: string, x: NpyArray, y: NpyArray, { range, dims, classes }: DatasetOptions): Dataset {
  const n = x.shape[0] ?? 0;
  if (n === 0) throw new DatasetError(file, 'x', 'has no rows');
  checkRowShape(file, x.shape, dims);
  if (y.data.length !== n || y.shape[0] !== n) {
    throw new DatasetError(file, 'y', `has shape (${y.shape.join(', ')}); x has ${n} rows, so it must be (${n},)`);
  }
  const labels = classIndices(file, y.data, classes);
  const count = classes ?? labels.reduce((max, label) => Math.max(max, label), 0) + 1;
  return { x: inRange(file, x.data, range), y: labels, n, dims: [...dims], classes: count };
}

function checkRowShape(file: string, shape: readonly number[], dims: readonly number[]): void {
  const row = shape.slice(1);
  const features = dims.reduce((product, size) => product * size, 1);
  const flat = row.length === 1 && row[0] === features;
  const significant = (sizes: readonly number[]) => sizes.filter((size) => size !== 1).join();
  if (!flat && significant(row) !== significant(dims)) {
    throw new DatasetError(file, 'x', `has rows of shape (${row.join(', ')}); the model takes (${dims.join(', ')})`);
  }
}

function inRange(file: string, data: NpyData, [low, high]: readonly [number, number]): Float32Array {
  if (data instanceof Uint8Array) {
    return stretchBytes(data, low, high);
  }
  const values = data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number);
  const [smallest, largest] = [Math.fround(low), Math.fround(high)];
  const bad = values.findIndex((value) => !(value >= smallest && value <= largest));
  if (bad >= 0) {
    throw new DatasetError(file, 'x', `has the value ${values[bad]} at element ${bad}; the range is ${low} to ${high}`);
  }
  return values;
}

/** A table makes it exact at both ends, and fast on large files. */
export function stretchBytes(bytes: Uint8Array, low: number, high: number): Float32Array {
  const table = Float32Array.from({ length: 256 }, (_, byte) => (low * (255 - byte) + high * byte) / 255);
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) values[i] = table[bytes[i]!]!;
  return values;
}

function classIndices(file: string, data: NpyData, classes: number | undefined): Int32Array {
  const labels = Int32Array.from(data as ArrayLike<number>, Number);
  const limit = classes ?? Infinity;
  const bad = labels.findIndex((label, row) => label !== Number(data[row]) || label < 0 || label >= limit);
  if (bad >= 0) {
    const allowed = classes === undefined ? 'an integer from 0 up' : `an integer from 0 to ${classes - 1}`;
    throw new DatasetError(file, 'y', `has the label ${data[bad]} at row ${bad}; a label is ${allowed}`);
  }
  return labels;
}
