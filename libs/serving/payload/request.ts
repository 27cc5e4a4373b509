import { PayloadError } from '../errors.js';
import { idOf, isObject, parseBody, type Json } from './body.js';
import { fillNested, shapeOf } from './nested.js';
import { readTensors } from './tensor.js';

export type Protocol = 'v1' | 'v2';

/** Shape of one row of input, e.g. `{ dims: [1, 28, 28] }`: the policy's input contract fits. */
export interface RowShape {
  dims: readonly number[];
}

export interface InferenceRows {
  protocol: Protocol;
  /** Id inside a V2 body. */
  id?: string;
  rows: number;
  /** rows x features, row-major. */
  x: Float32Array;
}

/** More rows than this in one request are refused. */
const MAX_ROWS = 10_000;

/** Rows of an inference request; undefined when the body is no inference request at all. Throws PayloadError on a broken one. */
export function requestRows(body: Uint8Array, inputs: RowShape): InferenceRows | undefined {
  const parsed = parseBody(body);
  if (!parsed) return undefined;
  const { json, binary } = parsed;
  if (json.instances !== undefined) return fromInstances(json.instances, 'instances', inputs);
  if (json.inputs === undefined) return undefined;
  return isTensorList(json.inputs) ? fromTensors(json, binary, inputs) : fromInstances(json.inputs, 'inputs', inputs);
}

const isTensorList = (inputs: unknown) => !Array.isArray(inputs) || inputs.length === 0 || isObject(inputs[0]);

function fromInstances(instances: unknown, field: string, { dims }: RowShape): InferenceRows {
  if (!Array.isArray(instances)) throw new PayloadError(field, 'must be an array of rows');
  const shape = shapeOf(instances);
  const rows = checkRows(shape, field, dims);
  const x = new Float32Array(rows * sizeOf(dims));
  fillNested(instances, shape, field, x);
  return { protocol: 'v1', rows, x };
}

function fromTensors(json: Json, binary: Uint8Array, { dims }: RowShape): InferenceRows {
  const tensors = readTensors(json.inputs, 'inputs', binary);
  const [tensor] = tensors;
  if (!tensor || tensors.length > 1) {
    throw new PayloadError('inputs', `must hold one numeric tensor; it holds ${tensors.length}`);
  }
  const rows = checkRows(tensor.shape, 'inputs[0].shape', dims);
  if (!tensor.data.every(Number.isFinite)) throw new PayloadError('inputs[0].data', 'must hold finite numbers only');
  return { protocol: 'v2', id: idOf(json), rows, x: tensor.data };
}

/** Rows come flat, as the model has them, or without axes of size 1: [n, 784], [n, 1, 28, 28], [n, 28, 28]. */
function checkRows(shape: readonly number[], field: string, dims: readonly number[]): number {
  const [rows = 0, ...row] = shape;
  if (rows < 1 || rows > MAX_ROWS) throw new PayloadError(field, `must hold 1 to ${MAX_ROWS} rows; it holds ${rows}`);
  const flat = row.length === 1 && row[0] === sizeOf(dims);
  if (!flat && significant(row) !== significant(dims)) {
    throw new PayloadError(field, `has rows of shape [${row.join(', ')}]; the model takes [${dims.join(', ')}]`);
  }
  return rows;
}

const sizeOf = (dims: readonly number[]) => dims.reduce((product, size) => product * size, 1);
const significant = (dims: readonly number[]) => dims.filter((size) => size !== 1).join();
