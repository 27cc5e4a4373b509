import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { type Dataset, DatasetError, readDataset, readIdxDataset, readImageFolder } from '#artifacts';
import { type OnnxModel, parseModel, withExternalData } from '#onnx-autodiff';

import { UsageError } from './errors.js';
import { readBeside } from './externalData.js';
import { reason } from './fileErrors.js';
import { type Layout, pictureOf, rowsAsModelTakesThem, storedDims } from './layout.js';

/** Beyond this, Node cannot read a file in one piece. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export async function readInput(option: string, path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw new UsageError(`${option}: ${path} has ${size} bytes; at most 2 GiB are read`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${option}: cannot read ${path}: ${reason(error)}`);
  }
}

export async function readModelFile(path: string): Promise<OnnxModel> {
  return modelOf(await readInput('model', path), path);
}

/** With the weights that lie in files beside it. */
export const modelOf = async (bytes: Uint8Array, path: string): Promise<OnnxModel> =>
  parseModel(await withExternalData(bytes, (place) => readBeside(path, place)));

/** Where labelled rows come from: an `.npz` with x and y, MNIST's pair of IDX files (`path` the images), or a folder of pictures for each class. */
export interface DataSource {
  option: string;
  path: string;
  labels: string | undefined;
  range: readonly [number, number];
  layout: Layout | undefined;
}

interface Shape {
  /** Of one row, as the model takes it. */
  dims: readonly number[];
  classes: number;
}

const ZIP_MAGIC = 0x04034b50;

/** `classNames` where the data name them. */
export type Rows = Dataset & { classNames?: readonly string[] };

export async function readRows(source: DataSource, shape: Shape): Promise<Rows> {
  const { option, path, labels } = source;
  if (!(await isFolder(path))) return readFileOfRows(source, shape);
  if (labels !== undefined)
    throw new UsageError(`--${labelsOption(option)}: in a folder of pictures the folders' names are the labels`);
  return readFolder(source, shape);
}

const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

async function readFolder({ option, path, range, layout }: DataSource, { dims, classes }: Shape): Promise<Rows> {
  const picture = pictureOf(dims, layout);
  if (!picture)
    throw new UsageError(`--${option}: ${path} holds pictures, but the model takes rows of shape (${dims.join(', ')})`);
  try {
    return await readImageFolder(path, { ...picture, range, classes });
  } catch (error) {
    throw error instanceof DatasetError ? new UsageError(`--${option}: ${error.message}`) : error;
  }
}

async function readFileOfRows(source: DataSource, { dims, classes }: Shape): Promise<Dataset> {
  const { option, path, labels, range, layout } = source;
  const options = { range, classes, dims: storedDims(dims, layout) };
  const bytes = Buffer.from(await readInput(`--${option}`, path));
  const zipped = bytes.length >= 4 && bytes.readUInt32LE(0) === ZIP_MAGIC;
  if (!zipped && labels === undefined) {
    const how = path.endsWith('.npz')
      ? 'it is damaged'
      : `for MNIST's IDX files name the labels too: --${labelsOption(option)}`;
    throw new UsageError(`--${option}: ${path} is not an .npz archive; ${how}`);
  }
  try {
    const data = zipped
      ? readDataset(bytes, path, options)
      : readIdxDataset({ images: bytes, labels: await readInput(`--${labelsOption(option)}`, labels!) }, path, options);
    return rowsAsModelTakesThem(data, dims, layout);
  } catch (error) {
    throw error instanceof DatasetError ? new UsageError(`--${option}: ${error.message}${hint(error, dims)}`) : error;
  }
}

export const labelsOption = (option: string): string => (option === 'data' ? 'labels' : `${option}-labels`);

function hint({ field, message }: DatasetError, dims: readonly number[]): string {
  if (field !== 'x') return '';
  if (message.includes('rows of shape') && dims.length === 3)
    return ' (if only the order of the axes differs, say how the data lies: --layout nchw or nhwc)';
  if (message.includes('the range is')) return " (--range says the smallest and largest value of the model's input)";
  return '';
}

/** Fails before a long run, not after it. */
export async function checkWritable(option: string, path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory()) throw new UsageError(`--${option}: ${path} is a folder; name a file`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`--${option}: cannot write ${path}: ${reason(error)}`);
  }
}
