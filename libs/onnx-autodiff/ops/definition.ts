import type { Emitter } from '../emitter.js';
import { UnsupportedModelError } from '../errors.js';
import type { Attributes } from '../file/attributes.js';
import type { Graph, GraphNode, ValueType } from '../graph.js';
import type { Tensor } from '../tensor.js';

/** One operation. Its finite-difference cases stand in `<family>.cases.ts`. */
export type Operation = Differentiable | Rewritten | Expanded;

export interface Differentiable {
  /** Rewrites a node of the file's opset into nodes of opset 17. */
  readonly normalize?: Rewrite;
  /**
   * `none`: the outputs do not change with the inputs, or only in jumps. `constants only`: allowed where shapes, masks
   * and the like are computed, from nothing that depends on the model's input or weights.
   */
  readonly gradient: GradientRule | 'none' | 'constants only';
  /** Writes some of its uses with other operations; undefined leaves a node as it is. */
  readonly expand?: (emit: Emitter, node: GraphNode, outputs: readonly ValueType[]) => readonly string[] | undefined;
  /** Positions of inputs that are settings, never weights to train. */
  readonly settings?: readonly number[];
  /** Positions of running statistics: stored in the file, updated by batches rather than by gradients. */
  readonly statistics?: readonly number[];
}

/** An operation that is written with others when a file is read, so that no graph contains it. */
export interface Rewritten {
  readonly rewrite: Rewrite;
}

/** An operation that is written with others once all shapes are known, so that only files and probes contain it. */
export interface Expanded {
  readonly normalize?: Rewrite;
  /** Gives the names of the node's outputs; `outputs` are their shapes and types. */
  readonly expand: (emit: Emitter, node: GraphNode, outputs: readonly ValueType[]) => readonly string[];
  readonly settings?: readonly number[];
}

export type Rewrite = (node: GraphNode, file: Importing) => readonly GraphNode[];

export interface Importing {
  readonly opset: number;
  /** Adds a constant to the file and gives its name. */
  constant(tensor: Tensor, name?: string): string;
  integers(values: readonly number[]): string;
  scalar(value: number): string;
  /** The value of an input where it is a constant of the file. */
  constantOf(name: string | undefined): Tensor | undefined;
  fresh(prefix: string): string;
  unsupported(node: GraphNode, what: string): UnsupportedModelError;
}

/** For one node, the adjoint of each input (where `needs` asks for it) from those of the outputs. */
export type GradientRule = (backward: Backward) => readonly (string | undefined | false)[];

export class Backward {
  constructor(
    readonly emit: Emitter,
    readonly node: GraphNode,
    /** Adjoints of the outputs; undefined where an output does not matter. */
    readonly adjoints: readonly (string | undefined)[],
    readonly needs: (input: number) => boolean,
  ) {}

  get graph(): Graph {
    return this.emit.graph;
  }
  /** The first output and its adjoint, which rules of one output read. */
  get y(): string {
    return this.node.outputs[0] ?? '';
  }
  get g(): string {
    const [adjoint] = this.adjoints;
    if (adjoint === undefined) throw this.unsupported('a gradient through a second output');
    return adjoint;
  }
  input(index: number): string {
    return this.node.inputs[index] ?? '';
  }
  has(index: number): boolean {
    return this.input(index) !== '';
  }
  dims(index: number): readonly number[] {
    return this.emit.dims(this.input(index));
  }
  constantOf(index: number, what: string): Tensor {
    const tensor = this.graph.constants.get(this.input(index));
    if (!tensor) throw this.unsupported(`${what} that are computed from the input`);
    return tensor;
  }

  unsupported(what: string): UnsupportedModelError {
    const { op, name, outputs } = this.node;
    const node = name ?? outputs[0] ?? '';
    return new UnsupportedModelError(
      `${op} node "${node}": ${what} has no gradient rule; replace it by supported operations and export again`,
      { op, node },
    );
  }
}

/** What an expansion throws where it does not know how. */
export function notExpandable({ op, name, outputs }: GraphNode, what: string): UnsupportedModelError {
  const node = name || (outputs.find((output) => output !== '') ?? '');
  return new UnsupportedModelError(
    `${op} node "${node}": ${what} is not supported; change the model and export again`,
    {
      op,
      node,
    },
  );
}

/** Shorthand for what `normalize` returns. */
export const withAttributes = (
  node: GraphNode,
  changes: Record<string, Attributes[string] | undefined>,
): GraphNode => ({
  ...node,
  attributes: Object.fromEntries(
    Object.entries({ ...node.attributes, ...changes }).filter(
      (entry): entry is [string, Attributes[string]] => entry[1] !== undefined,
    ),
  ),
});

/** Collects the nodes of a rewrite: each call appends one and gives the name of its output. */
export function writeNodes(source: GraphNode, file: Importing) {
  const nodes: GraphNode[] = [];
  const apply = (
    op: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    output = file.fresh(op),
  ): string => {
    nodes.push({ op, inputs, outputs: [output], attributes, name: source.name });
    return output;
  };
  return { nodes, apply, output: source.outputs[0] ?? '' };
}

/** Moves an attribute to the input that took its place in a later opset. */
export function attributeToInput(node: GraphNode, attribute: string, position: number, file: Importing): GraphNode {
  const value = node.attributes[attribute];
  if (value === undefined || typeof value === 'string') return node;
  const name = typeof value === 'number' ? file.scalar(value) : file.integers(value as readonly number[]);
  const inputs = Array.from({ length: Math.max(position + 1, node.inputs.length) }, (_, i) => node.inputs[i] ?? '');
  inputs[position] = name;
  return withAttributes({ ...node, inputs }, { [attribute]: undefined });
}
