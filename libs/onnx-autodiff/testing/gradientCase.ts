import type { Attributes } from '../file/attributes.js';
import type { GraphNode } from '../graph.js';
import { uniformStream } from '../random.js';
import { elementCount, elements, type ElementType, floats, type Tensor } from '../tensor.js';

/** One use of an operation whose gradient is checked against finite differences. */
export interface GradientCase {
  readonly name: string;
  /** Everything that is differentiated. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** As a file of `opset` (17 unless told) would write it; gives the name of the output. */
  readonly build: (file: CaseFile) => string;
  readonly opset?: number;
}

/** Every operation with a gradient has cases: a family without them does not compile. */
export type CasesOf<Family> = {
  [
    Op in keyof Family as Family[Op] extends { gradient: 'none' | 'constants only' } ? never : Op
  ]: readonly GradientCase[];
};

export class CaseFile {
  readonly nodes: GraphNode[] = [];
  readonly constants = new Map<string, Tensor>();

  node(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.nodeWithOutputs(op, inputs, attributes, 1)[0] ?? '';
  }

  nodeWithOutputs(op: string, inputs: readonly string[], attributes: Attributes, count: number): string[] {
    const outputs = Array.from({ length: count }, (_, i) => `node${this.nodes.length}.${i}`);
    this.nodes.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  constant(
    values: readonly number[],
    dims: readonly number[] = [values.length],
    type: ElementType = 'float32',
  ): string {
    const name = `constant${this.constants.size}`;
    this.constants.set(name, { type, dims, data: elements(type, values) });
    return name;
  }

  integers = (values: readonly number[]): string => this.constant(values, [values.length], 'int64');
  scalar = (value: number): string => this.constant([value], []);
}

let seed = 0;

/** Uniform numbers, other ones at each call. */
export function uniform(dims: readonly number[], low = -1, high = 1): Tensor {
  const next = uniformStream(++seed);
  return floats(
    Float32Array.from({ length: elementCount(dims) }, () => low + (high - low) * next()),
    dims,
  );
}

/** Numbers around 0, all at least `gap` apart and half of it from 0, shuffled: no step crosses a kink or a tie. */
export function spread(dims: readonly number[], gap = 0.05, offset = 0): Tensor {
  const next = uniformStream(++seed);
  const count = elementCount(dims);
  const order = Array.from({ length: count }, (_, i) => ({ i, key: next() })).sort((a, b) => a.key - b.key);
  return floats(
    Float32Array.from(order, ({ i }) => (i - count / 2 + 0.5) * gap + offset),
    dims,
  );
}
