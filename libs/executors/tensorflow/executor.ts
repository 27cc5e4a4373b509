import { type CompiledGraph, type Executor, type Graph, lower, ortExecutor, type Tensor } from '#onnx-autodiff';
import { keepChannelsLast } from './keepChannelsLast.js';
import { tensorFlowLowerings } from './lowerings.js';
import type { NativeTensor, TensorFlow } from './native.js';
import { Operations } from './operations.js';
import { type OnHost, planOf, type Step } from './plan.js';
import { download, upload } from './tensors.js';

/**
 * TensorFlow, natively, operation by operation. Tensors live outside of JavaScript's memory: a run disposes of each after
 * its last use, constants stay until `release`. Nodes that it has no kernel for run in ONNX Runtime; `onHost` hears of them.
 * Graphs whose shapes are unknown run in ONNX Runtime, which infers them.
 */
export function tensorFlowExecutor(tf: TensorFlow, onHost: OnHost = () => {}): Executor {
  return {
    name: tf.backend().isUsingGpuDevice ? 'tensorflow-gpu' : 'tensorflow-cpu',
    compile: async (graph) => (isStatic(graph) ? compile(tf, graph, onHost) : ortExecutor().compile(graph)),
  };
}

const isStatic = (graph: Graph): boolean =>
  graph.nodes.every((node) => node.outputs.every((name) => name === '' || graph.value(name).dims !== undefined));

async function compile(tf: TensorFlow, source: Graph, onHost: OnHost): Promise<CompiledGraph> {
  const graph = keepChannelsLast(lower(source, tensorFlowLowerings(source)));
  const operations = new Operations(tf);
  const constants = new Map([...graph.constants].map(([name, tensor]) => [name, operations.hold(upload(tf, tensor))]));
  const steps = await planOf(graph, operations, onHost);
  return {
    run: (feeds) => run(tf, graph, steps, constants, feeds),
    release: async () => {
      operations.release();
      for (const step of steps) await step.release?.();
    },
  };
}

async function run(
  tf: TensorFlow,
  graph: Graph,
  steps: readonly Step[],
  constants: ReadonlyMap<string, NativeTensor>,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const live = new Map<string, NativeTensor>();
  try {
    for (const name of graph.inputs) {
      const feed = feeds[name];
      if (!feed) throw new Error(`the graph's input "${name}" is missing`);
      live.set(name, upload(tf, feed));
    }
    for (const { node, run: runNode, last } of steps) {
      const outputs = runNode(node.inputs.map((name) => live.get(name) ?? constants.get(name)));
      const tensors = outputs instanceof Promise ? await outputs : outputs;
      node.outputs.forEach((name, i) => {
        if (name !== '') live.set(name, tensors[i]!);
      });
      for (const name of last) {
        live.get(name)?.dispose();
        live.delete(name);
      }
    }
    return Object.fromEntries(
      graph.outputs.map((name) => [name, download(live.get(name)!, graph.type(name), graph.dims(name))]),
    );
  } finally {
    for (const tensor of live.values()) tensor.dispose();
  }
}
