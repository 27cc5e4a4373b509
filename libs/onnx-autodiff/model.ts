import type { GraphNode } from './graph.js';
import type { Tensor } from './tensor.js';

export interface ModelValue {
  readonly name: string;
  /** null: not fixed by the file. */
  readonly dims: readonly (number | null)[];
}

export interface ModelInput extends ModelValue {
  /** What the file takes; here it is always fed with float32. */
  readonly type: 'float32' | 'float16';
}

/** A classifier as its ONNX file describes it. */
export interface OnnxModel {
  /** The file itself. */
  readonly bytes: Uint8Array;
  readonly opset: number;
  readonly input: ModelInput;
  readonly output: ModelValue;
  /** How often each operation occurs in the file. */
  readonly operations: Readonly<Record<string, number>>;
  /** What training may change. */
  readonly parameters: readonly ModelParameter[];
  /** Running means and variances of batch normalisation. */
  readonly statistics: readonly ModelParameter[];
  /** The same network in the library's own terms: opset 17, float32 in the place of float16, constants apart. */
  readonly network: Network;
}

export interface ModelParameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export interface Network {
  readonly nodes: readonly GraphNode[];
  readonly constants: ReadonlyMap<string, Tensor>;
}
