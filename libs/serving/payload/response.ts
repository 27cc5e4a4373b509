import { PayloadError } from '../errors.js';
import { idOf, parseBody, type Json } from './body.js';
import { fillNested, shapeOf } from './nested.js';
import type { Protocol } from './request.js';
import { readTensors, type WireTensor } from './tensor.js';

export interface InferenceClasses {
  protocol: Protocol;
  /** Id inside a V2 body. */
  id?: string;
  /** Predicted class of each row. */
  classes: Int32Array;
}

/** Predicted classes of an inference response; undefined when the body is none. Throws PayloadError on a broken one. */
export function responseClasses(body: Uint8Array): InferenceClasses | undefined {
  const parsed = parseBody(body);
  if (!parsed) return undefined;
  const { json, binary } = parsed;
  if (json.predictions !== undefined) return { protocol: 'v1', classes: fromPredictions(json.predictions) };
  if (json.outputs === undefined) return undefined;
  return { protocol: 'v2', id: idOf(json), classes: fromTensors(json, binary) };
}

function fromPredictions(predictions: unknown): Int32Array {
  if (!Array.isArray(predictions) || predictions.length === 0) {
    throw new PayloadError('predictions', 'must be an array with an element for each row');
  }
  const shape = shapeOf(predictions);
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  fillNested(predictions, shape, 'predictions', data);
  return classesOf(shape, data, 'predictions');
}

/** Classifiers converted from scikit-learn give labels and scores: the scores say the index of the class. */
function fromTensors(json: Json, binary: Uint8Array): Int32Array {
  const tensors = readTensors(json.outputs, 'outputs', binary);
  const scores = tensors.find(({ shape }) => columns(shape) > 1);
  const best: WireTensor | undefined = scores ?? tensors[0];
  if (!best) throw new PayloadError('outputs', 'must hold a numeric tensor: scores of each class, or class indices');
  return classesOf(best.shape, best.data, `outputs "${best.name}"`);
}

const columns = (shape: readonly number[]) => shape.slice(1).reduce((product, size) => product * size, 1);

/** [n, classes] are scores, the largest (the first of equals) wins; [n] and [n, 1] are class indices. */
function classesOf(shape: readonly number[], data: Float32Array, field: string): Int32Array {
  const rows = shape[0] ?? 0;
  const width = columns(shape);
  if (rows === 0 || width === 0) throw new PayloadError(field, 'must not be empty');
  return Int32Array.from({ length: rows }, (_, row) =>
    width > 1 ? largest(data, row * width, width) : classIndex(data[row]!, `${field}, row ${row},`),
  );
}

function largest(data: Float32Array, from: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) if (data[from + i]! > data[from + best]!) best = i;
  return best;
}

function classIndex(value: number, field: string): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
  throw new PayloadError(field, `must be a class index or scores of two classes at least, not ${value}`);
}
