import type { NativeAttribute, NativeTensor, NativeType, TensorFlow } from './native.js';

/** Whole numbers are integers to TensorFlow: a float is marked as one. Types of inputs need not be given. */
export type OperationAttributes = Readonly<
  Record<
    string,
    number | boolean | string | readonly number[] | { readonly float: number } | { readonly type: NativeType }
  >
>;

/** Runs operations of libtensorflow by their names there. */
export class Operations {
  private readonly held: NativeTensor[] = [];

  constructor(readonly tf: TensorFlow) {}

  /** An operation whose attributes are translated once. */
  prepare(operation: string, attributes: OperationAttributes = {}, outputs = 1) {
    const backend = this.tf.backend();
    const translated = Object.entries(attributes).map(([name, value]) => this.translate(name, value));
    return (...inputs: readonly NativeTensor[]): NativeTensor[] =>
      backend.executeMultipleOutputs(operation, translated, inputs, outputs);
  }

  /** The same for one output. */
  prepareOne(operation: string, attributes: OperationAttributes = {}) {
    const run = this.prepare(operation, attributes);
    return (...inputs: readonly NativeTensor[]): NativeTensor => only(run(...inputs));
  }

  /** A vector of whole numbers that lives until `release`, or a scalar for a number. */
  integers(values: readonly number[] | number): NativeTensor {
    const list = typeof values === 'number' ? [values] : values;
    return this.hold(this.tf.tensor(Int32Array.from(list), typeof values === 'number' ? [] : [list.length], 'int32'));
  }

  float(value: number): NativeTensor {
    return this.hold(this.tf.tensor(Float32Array.of(value), [], 'float32'));
  }

  /** Keeps a tensor until `release`. */
  hold(tensor: NativeTensor): NativeTensor {
    this.held.push(tensor);
    return tensor;
  }

  release(): void {
    for (const tensor of this.held.splice(0)) tensor.dispose();
  }

  private translate(name: string, value: OperationAttributes[string]): NativeAttribute {
    const { binding } = this.tf.backend();
    if (typeof value === 'boolean') return { name, type: binding.TF_ATTR_BOOL, value };
    if (typeof value === 'string') return { name, type: binding.TF_ATTR_STRING, value };
    if (typeof value === 'number' || isList(value)) return { name, type: binding.TF_ATTR_INT, value };
    if ('float' in value) return { name, type: binding.TF_ATTR_FLOAT, value: value.float };
    const types = { float32: binding.TF_FLOAT, int32: binding.TF_INT32, bool: binding.TF_BOOL };
    return { name, type: binding.TF_ATTR_TYPE, value: types[value.type] };
  }
}

const isList = (value: OperationAttributes[string]): value is readonly number[] => Array.isArray(value);

export function only(outputs: readonly NativeTensor[]): NativeTensor {
  const [first] = outputs;
  if (!first) throw new Error('TensorFlow gave no output');
  return first;
}
