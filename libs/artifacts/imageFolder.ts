import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dataset } from './dataset.js';
import { stretchBytes } from './dataset.js';
import { DatasetError } from './errors.js';
import { readPicture, type Picture } from './picture.js';

/** How the rows are wanted. */
export interface PictureRows {
  height: number;
  width: number;
  /** 1, 3 or 4. */
  channels: number;
  /** NHWC instead of NCHW. */
  channelsLast: boolean;
  range: readonly [number, number];
  classes: number;
  maxBytes?: number;
}

const MAX_BYTES = 2 ** 30;
/** Nothing that a model of the wanted size takes needs a larger file. */
const MAX_FILE_BYTES = 64 * 2 ** 20;
const PICTURES = /\.(png|jpe?g)$/i;

/** A folder for each class, by the names' order: class 0 is the first. Pictures must have the model's size. */
export async function readImageFolder(path: string, wanted: PictureRows): Promise<Dataset & { classNames: string[] }> {
  const classNames = (await readdir(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
  if (classNames.length === 0)
    throw new DatasetError(path, 'folders', 'there is none: a folder for each class is read');
  if (classNames.length > wanted.classes) {
    const problem = `there are ${classNames.length}, one for each class, but the model has ${wanted.classes} classes`;
    throw new DatasetError(path, 'folders', problem);
  }
  const files: [file: string, label: number][] = [];
  for (const [label, name] of classNames.entries()) {
    const names = (await readdir(join(path, name))).filter((file) => PICTURES.test(file)).sort();
    if (names.length === 0) throw new DatasetError(join(path, name), 'pictures', 'there is none (.png, .jpg, .jpeg)');
    files.push(...names.map((file): [string, number] => [join(path, name, file), label]));
  }
  const { height, width, channels, channelsLast, range, classes, maxBytes = MAX_BYTES } = wanted;
  const features = height * width * channels;
  if (files.length * features * Float32Array.BYTES_PER_ELEMENT > maxBytes) {
    throw new DatasetError(path, 'pictures', `${files.length} of this size need more than ${maxBytes} bytes`);
  }
  const bytes = new Uint8Array(files.length * features);
  for (const [row, [file]] of files.entries()) bytes.set(await readRow(file, wanted), row * features);
  return {
    x: stretchBytes(bytes, range[0], range[1]),
    y: Int32Array.from(files, ([, label]) => label),
    n: files.length,
    dims: channelsLast ? [height, width, channels] : [channels, height, width],
    classes,
    classNames,
  };
}

async function readRow(file: string, wanted: PictureRows): Promise<Uint8Array> {
  const { height, width, channels, channelsLast } = wanted;
  const about = await stat(file);
  if (!about.isFile()) throw new DatasetError(file, 'picture', 'is no file');
  if (about.size > MAX_FILE_BYTES)
    throw new DatasetError(file, 'picture', `has ${about.size} bytes; at most ${MAX_FILE_BYTES}`);
  let picture: Picture;
  try {
    picture = readPicture(await readFile(file), height * width);
  } catch (error) {
    const problem = `${(error as Error).message}; the model takes ${width} x ${height} pixels`;
    throw new DatasetError(file, 'picture', problem);
  }
  if (picture.height !== height || picture.width !== width) {
    const problem = `has ${picture.width} x ${picture.height} pixels; the model takes ${width} x ${height}`;
    throw new DatasetError(file, 'picture', problem);
  }
  return inLayout(inChannels(picture, channels), height * width, channels, channelsLast);
}

/** Grey from colours by ITU-R BT.601, colours from grey by repetition; alpha is dropped, or opaque where the model wants it. */
function inChannels({ data, channels, width, height }: Picture, wanted: number): Uint8Array {
  const pixels = width * height;
  const out = new Uint8Array(pixels * wanted);
  const grey = channels < 3;
  const alpha = channels === 2 || channels === 4;
  for (let pixel = 0; pixel < pixels; pixel++) {
    const at = pixel * channels;
    const [r, g, b] = grey ? [data[at]!, data[at]!, data[at]!] : [data[at]!, data[at + 1]!, data[at + 2]!];
    const values = wanted === 1 ? [Math.round(0.299 * r + 0.587 * g + 0.114 * b)] : [r, g, b];
    if (wanted === 4) values.push(alpha ? data[at + channels - 1]! : 255);
    out.set(values, pixel * wanted);
  }
  return out;
}

function inLayout(interleaved: Uint8Array, pixels: number, channels: number, channelsLast: boolean): Uint8Array {
  if (channelsLast || channels === 1) return interleaved;
  const planar = new Uint8Array(interleaved.length);
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let channel = 0; channel < channels; channel++)
      planar[channel * pixels + pixel] = interleaved[pixel * channels + channel]!;
  return planar;
}
