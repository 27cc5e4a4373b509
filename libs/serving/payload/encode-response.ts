import { nest } from './encode-request.js';
import type { Protocol } from './request.js';

export interface Scores {
  protocol: Protocol;
  id?: string;
  model: string;
  /** Version of the model that answered (V2 only). */
  version: string;
  /** Name of the model's output (V2 only). */
  tensor: string;
  /** [rows, classes] */
  dims: readonly number[];
  data: Float32Array;
}

/** The body of a model server's answer. */
export function encodeResponse({ protocol, id, model, version, tensor, dims, data }: Scores): string {
  if (protocol === 'v1') return JSON.stringify({ predictions: nest(data, dims) });
  const output = { name: tensor, datatype: 'FP32', shape: dims, data: Array.from(data) };
  return JSON.stringify({ model_name: model, model_version: version, id, outputs: [output] });
}
