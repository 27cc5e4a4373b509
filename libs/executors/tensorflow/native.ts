import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is used of `@tensorflow/tfjs-node-gpu`, which lies in a package of its own that need not be installed. */
export interface TensorFlow {
  getBackend(): string;
  backend(): NativeBackend;
  tensor(data: NativeData, dims: readonly number[], type: NativeType): NativeTensor;
  /** Disposes of every tensor made in `work` but those it returns. */
  tidy<T>(work: () => T): T;
  memory(): { numTensors: number };
}

export interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: NativeBinding;
  executeMultipleOutputs(
    operation: string,
    attributes: readonly NativeAttribute[],
    inputs: readonly NativeTensor[],
    outputs: number,
  ): NativeTensor[];
}

type NativeConstant =
  | 'TF_FLOAT'
  | 'TF_INT32'
  | 'TF_BOOL'
  | 'TF_ATTR_STRING'
  | 'TF_ATTR_INT'
  | 'TF_ATTR_FLOAT'
  | 'TF_ATTR_BOOL'
  | 'TF_ATTR_TYPE';
type NativeBinding = Readonly<Record<NativeConstant, number>> & { readonly TF_Version: string };

export interface NativeAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

export interface NativeTensor {
  readonly shape: readonly number[];
  dataSync(): NativeData;
  dispose(): void;
}

export type NativeType = 'float32' | 'int32' | 'bool';
export type NativeData = Float32Array | Int32Array | Uint8Array;

const PACKAGE = join('engines', 'tfjs');

/** TensorFlow's engine where its set-up was run; undefined where not. */
export function findTensorFlow(): string | undefined {
  const folder = packageFolder();
  return folder !== undefined && existsSync(join(folder, 'node_modules', '.ready')) ? folder : undefined;
}

/** The folder lies beside `libs` in the sources and beside `dist` once built. */
function packageFolder(): string | undefined {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, PACKAGE, 'setup.mjs'))) {
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
  return join(folder, PACKAGE);
}

/** Never falls back to JavaScript: a backend that is not libtensorflow is an error. */
export function loadTensorFlow(folder: string, threads?: number): TensorFlow {
  // Read by libtensorflow when it begins: what is loaded first in a process decides.
  if (threads !== undefined) process.env['TF_NUM_INTRAOP_THREADS'] ??= String(threads);
  const tf = createRequire(join(folder, 'package.json'))('./load.cjs') as TensorFlow;
  if (tf.getBackend() !== 'tensorflow')
    throw new Error(
      `TensorFlow runs on its backend "${tf.getBackend()}", not natively; run engines/tfjs/setup.mjs again`,
    );
  return tf;
}
