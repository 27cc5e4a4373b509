import type { Attributes } from './file/attributes.js';
import { elementCount, elements, type ElementType, type Tensor, type TensorData } from './tensor.js';

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** As the file calls it, for messages. */
  readonly name?: string | undefined;
}

export interface ValueType {
  readonly type: ElementType;
  /** Unknown only between reading a file and probing it. */
  readonly dims?: readonly number[] | undefined;
}

/** Constants of at most this many elements are shared when equal, larger ones when they are the same array: common subexpressions show. */
const SHARED_CONSTANT = 16;

/**
 * A static single-assignment graph: every name has one producer, nodes stand in the order of execution, all shapes are
 * known. Operations mean what ONNX opset 17 says, plus the gradient operations of `ops/semantic.ts`.
 */
export class Graph {
  readonly inputs: string[] = [];
  readonly outputs: string[] = [];
  readonly nodes: GraphNode[] = [];
  readonly constants = new Map<string, Tensor>();
  private readonly values = new Map<string, ValueType>();
  private readonly shared = new Map<string, string>();
  private readonly identities = new Map<TensorData, string>();
  private counter = 0;

  /** `reserved`: names that stay free, such as those of the graph that this one will be a rewritten copy of. */
  constructor(private readonly reserved?: { has(name: string): boolean }) {}

  input(name: string, dims: readonly number[], type: ElementType = 'float32'): string {
    this.declare(name, { dims, type });
    this.inputs.push(name);
    return name;
  }

  /** A scalar for a number, a vector where `dims` is left out. */
  constant(
    data: number | readonly number[] | TensorData,
    dims: readonly number[] = typeof data === 'number' ? [] : [data.length],
    type: ElementType = 'float32',
    name?: string,
  ): string {
    const values = typeof data === 'number' ? [data] : data;
    const typed = ArrayBuffer.isView(values) ? values : elements(type, values);
    if (typed.length !== elementCount(dims))
      throw new RangeError(`${typed.length} numbers do not fill a constant of shape [${dims.join(', ')}]`);
    const contents = typed.length <= SHARED_CONSTANT ? typed.join() : this.identityOf(typed);
    const key = `${type}[${dims.join()}]${contents}`;
    const known = this.shared.get(key);
    if (name === undefined && known !== undefined) return known;
    const constantName = name ?? this.fresh('constant');
    this.declare(constantName, { dims, type });
    this.constants.set(constantName, { type, dims, data: typed });
    if (known === undefined) this.shared.set(key, constantName);
    return constantName;
  }

  private identityOf(data: TensorData): string {
    const known = this.identities.get(data);
    if (known !== undefined) return known;
    const identity = `#${this.identities.size}`;
    this.identities.set(data, identity);
    return identity;
  }

  /** Appends a node of one output and returns the output's name. */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Attributes,
    dims: readonly number[] | undefined,
    type: ElementType = 'float32',
  ): string {
    const output = this.fresh(op);
    this.append({ op, inputs, outputs: [output], attributes }, [{ dims, type }]);
    return output;
  }

  /** Appends a node whose output names the caller chose. */
  append(node: GraphNode, outputs: readonly ValueType[]): void {
    for (const input of node.inputs)
      if (input !== '' && !this.values.has(input)) throw new Error(`${node.op} uses the unknown tensor "${input}"`);
    node.outputs.forEach((name, index) => {
      if (name !== '') this.declare(name, outputs[index] ?? { type: 'float32' });
    });
    this.nodes.push(node);
  }

  /** Makes a tensor an output of the graph, under the name `as` where given. */
  output(name: string, as: string = name): string {
    const produced = !this.inputs.includes(name) && !this.constants.has(name);
    const final = as === name && produced ? name : this.alias(name, as === name ? this.fresh('output') : as);
    this.outputs.push(final);
    return final;
  }

  has = (name: string): boolean => this.values.has(name);

  dims(name: string): readonly number[] {
    const { dims } = this.value(name);
    if (!dims) throw new Error(`the shape of "${name}" is not known yet`);
    return dims;
  }

  type = (name: string): ElementType => this.value(name).type;

  value(name: string): ValueType {
    const value = this.values.get(name);
    if (!value) throw new Error(`the graph has no tensor "${name}"`);
    return value;
  }

  /** A name that is not taken yet. */
  fresh(prefix: string): string {
    let name: string;
    do name = `${prefix}_${this.counter++}`;
    while (this.values.has(name) || this.reserved?.has(name));
    return name;
  }

  private alias(name: string, as: string): string {
    this.append({ op: 'Identity', inputs: [name], outputs: [as], attributes: {} }, [this.value(name)]);
    return as;
  }

  private declare(name: string, value: ValueType): void {
    if (this.values.has(name)) throw new Error(`the graph has two tensors named "${name}"`);
    this.values.set(name, value);
  }
}

/** The nodes that these tensors need. */
export function leadingTo(outputs: readonly string[], nodes: readonly GraphNode[]): GraphNode[] {
  const needed = new Set(outputs);
  const kept = nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}
