import type { ElementType, Graph, GraphNode, Tensor } from '#onnx-autodiff';
import { compileHostNode } from './hostNode.js';
import { kernels } from './kernels/registry.js';
import type { NativeTensor } from './native.js';
import type { Operations } from './operations.js';
import { download, nativeType, upload } from './tensors.js';

/** One node, ready to run. */
export interface Step {
  readonly node: GraphNode;
  readonly run: (
    inputs: readonly (NativeTensor | undefined)[],
  ) => readonly NativeTensor[] | Promise<readonly NativeTensor[]>;
  /** Tensors that nobody needs after it. */
  readonly last: readonly string[];
  readonly release?: () => Promise<void>;
}

/** Hears of each node that is left to ONNX Runtime, and of the type of its first output. */
export type OnHost = (node: GraphNode, type: ElementType) => void;

export async function planOf(graph: Graph, operations: Operations, onHost: OnHost): Promise<Step[]> {
  const last = lastUses(graph);
  return Promise.all(
    graph.nodes.map(async (node, i) => ({
      ...(await stepOf(node, graph, operations, onHost)),
      node,
      last: last[i] ?? [],
    })),
  );
}

async function stepOf(
  node: GraphNode,
  graph: Graph,
  operations: Operations,
  onHost: OnHost,
): Promise<Pick<Step, 'run' | 'release'>> {
  const kernel = isNative(node, graph) ? kernels[node.op]?.(node, graph, operations) : undefined;
  if (kernel) return { run: (inputs) => operations.tf.tidy(() => kernel(inputs as readonly NativeTensor[])) };
  onHost(node, graph.type(node.outputs[0] ?? ''));
  const compiled = await compileHostNode(node, graph);
  return {
    async run(inputs) {
      const feeds: Record<string, Tensor> = {};
      node.inputs.forEach((name, i) => {
        const input = inputs[i];
        if (input) feeds[name] = download(input, graph.type(name), graph.dims(name));
      });
      const results = await compiled.run(feeds);
      return node.outputs.map((name) => upload(operations.tf, results[name]!));
    },
    release: () => compiled.release(),
  };
}

/** Whole numbers beyond indices and comparisons stay with ONNX Runtime: TensorFlow.js would compute them in 32 bits. */
function isNative(node: GraphNode, graph: Graph): boolean {
  const arithmetic = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'Neg', 'Abs', 'Sign', 'Clip']);
  const names = [...node.inputs, ...node.outputs].filter((name) => name !== '');
  if (names.some((name) => !nativeType(graph.type(name)))) return false;
  return !arithmetic.has(node.op) || names.every((name) => graph.type(name) === 'float32');
}

/** For each node the tensors, constants apart, that it is the last one to read, or that nobody reads. */
function lastUses({ nodes, outputs, constants }: Graph): string[][] {
  const seen = new Set([...outputs, ...constants.keys(), '']);
  return nodes
    .map(({ inputs, outputs: produced }) => [...new Set([...inputs, ...produced])])
    .toReversed()
    .map((names) => {
      const fresh = names.filter((name) => !seen.has(name));
      for (const name of fresh) seen.add(name);
      return fresh;
    })
    .reverse();
}
