import { availableParallelism } from 'node:os';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { CompiledGraph, Executor } from './executor.js';
import { encodeDocument } from './file/document.js';
import type { Graph } from './graph.js';
import { lower } from './lowering/lowering.js';
import { onnxRuntimeLowerings } from './lowering/onnxRuntime.js';
import type { Tensor } from './tensor.js';

const OPSET = 17;
const ERRORS_ONLY = 3;

/**
 * onnxruntime-node on the CPU. `run` blocks the JavaScript thread while it computes: call it in a worker. One session at
 * a time should be busy: the thread pools of two fight for the same cores.
 */
export function ortExecutor({ threads = availableParallelism() }: { threads?: number } = {}): Executor {
  return {
    name: 'onnxruntime-cpu',
    compile: async (graph) => {
      const session = await InferenceSession.create(graphFile(lower(graph, onnxRuntimeLowerings)), {
        intraOpNumThreads: threads,
        logSeverityLevel: ERRORS_ONLY,
        // Gradients and optimizer moments go denormal once training converges; each such number costs a hundred cycles.
        extra: { session: { set_denormal_as_zero: '1' } },
      });
      return compiled(session);
    },
  };
}

function graphFile(graph: Graph): Uint8Array {
  const value = (name: string) => {
    const { type, dims } = graph.value(name);
    return dims ? { name, type, dims } : { name };
  };
  const { nodes, constants } = graph;
  return encodeDocument({
    opset: OPSET,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    nodes,
    constants,
  });
}

function compiled(session: InferenceSession): CompiledGraph {
  const used = new Set(session.inputNames);
  return {
    run: async (feeds) => {
      const given = Object.entries(feeds).filter(([name]) => used.has(name));
      const results = await session.run(
        Object.fromEntries(given.map(([name, { type, data, dims }]) => [name, new OrtTensor(type, data, dims)])),
      );
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, asTensor(tensor)]));
    },
    release: () => session.release(),
  };
}

const asTensor = ({ type, dims, data }: OrtTensor): Tensor => ({
  type: type as Tensor['type'],
  dims,
  data: data as Tensor['data'],
});
