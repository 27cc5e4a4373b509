import type { Graph } from './graph.js';
import type { Tensor } from './tensor.js';

/** Something that can run graphs. `compile` lowers the gradient operations to what it has. */
export interface Executor {
  readonly name: string;
  /** It lowers the operations of `batchLast/` too, and they are fast on it. */
  readonly batchLast?: boolean;
  compile(graph: Graph): Promise<CompiledGraph>;
}

export interface CompiledGraph {
  /** One tensor for each input of the graph; gives one for each output. */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}
