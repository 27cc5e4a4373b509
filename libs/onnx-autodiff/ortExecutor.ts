import { availableParallelism } from 'node:os';
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type InferredShapes, refuseComputedSizes, type Runtime, type SubGraph } from './computedSizes.js';
import { MalformedModelError } from './errors.js';
import type { CompiledGraph, Executor } from './executor.js';
import { encodeDocument } from './file/document.js';
import type { Graph } from './graph.js';
import { lower } from './lowering/lowering.js';
import { onnxRuntimeLowerings } from './lowering/onnxRuntime.js';
import { elementCount, type Tensor } from './tensor.js';

const OPSET = 17;
/** Errors come as exceptions; ONNX Runtime would also print them. */
const FATAL_ONLY = 4;
/** Of all tensors together, where nothing has been run yet: 8 GiB, which no classifier's batch needs. */
const MAX_UNPROVEN_ELEMENTS = 2 ** 31;

export interface OrtOptions {
  /** Where it computes; `cuda` needs ONNX Runtime's own download, `webgpu` a driver for Vulkan. Nodes that it cannot do run on the CPU. */
  readonly provider?: 'cpu' | 'cuda' | 'webgpu';
  readonly threads?: number;
  /** Threads wait in a busy loop between operations: faster on cores that nothing else uses, twice the CPU time elsewhere. */
  readonly spinning?: boolean;
}

/**
 * onnxruntime-node. `run` blocks the JavaScript thread while it computes: call it in a worker. One session at
 * a time should be busy: the thread pools of two fight for the same cores.
 */
export function ortExecutor({
  provider = 'cpu',
  threads = availableParallelism(),
  spinning = false,
}: OrtOptions = {}): Executor {
  env.logLevel = 'fatal';
  return {
    name: `onnxruntime-${provider}`,
    batchLast: provider === 'cpu',
    compile: async (graph) => {
      const lowered = lower(graph, onnxRuntimeLowerings);
      const unproven = graph.outputs.some((name) => !graph.value(name).dims);
      const open = (part: SubGraph) =>
        InferenceSession.create(graphFile(lowered, part), {
          executionProviders: [unproven ? 'cpu' : provider],
          intraOpNumThreads: threads,
          logSeverityLevel: FATAL_ONLY,
          // Straight from a file: optimisation would already execute parts of it, whatever their size.
          graphOptimizationLevel: unproven ? 'disabled' : 'all',
          // Once shapes are known it would take a second block for the same tensors, and keep the first: twice the memory.
          enableMemPattern: false,
          // Gradients and optimizer moments go denormal once training converges; each such number costs a hundred cycles.
          extra: { session: { set_denormal_as_zero: '1', intra_op: { allow_spinning: spinning ? '1' : '0' } } },
        });
      const session = await open(lowered);
      if (!unproven) return compiled(session);
      const shapes = inferredShapes(session);
      return {
        ...compiled(session),
        run: async (feeds) => {
          await refuseComputedSizes(lowered, shapes, cautious(open, feeds));
          return compiled(session).run(feeds);
        },
      };
    },
  };
}

function graphFile(graph: Graph, { nodes, constants, outputs }: SubGraph): Uint8Array {
  const value = (name: string) => {
    const { type, dims } = graph.value(name);
    return dims ? { name, type, dims } : { name };
  };
  return encodeDocument({
    opset: OPSET,
    inputs: graph.inputs.map(value),
    outputs: outputs.map(value),
    nodes,
    constants,
  });
}

function cautious(
  open: (part: SubGraph) => Promise<InferenceSession>,
  feeds: Readonly<Record<string, Tensor>>,
): Runtime {
  const once = async <T>(part: SubGraph, use: (session: InferenceSession) => T): Promise<Awaited<T>> => {
    const session = await open(part);
    try {
      return await use(session);
    } finally {
      await session.release();
    }
  };
  return {
    infer: (part) => once(part, inferredShapes),
    run: (part) => once(part, (session) => compiled(session).run(feeds)),
  };
}

/** ONNX Runtime infers most shapes without running anything. */
function inferredShapes(session: InferenceSession): InferredShapes {
  refuseAbsurdSizes(session);
  const shapes = new Map(session.outputMetadata.map((value) => [value.name, value.isTensor ? value.shape : undefined]));
  return {
    dims: (name) => shapes.get(name)?.map((dim) => (typeof dim === 'number' ? dim : undefined)),
  };
}

function refuseAbsurdSizes(session: InferenceSession): void {
  let total = 0;
  for (const value of session.outputMetadata) {
    if (!value.isTensor) continue;
    const known = value.shape.filter((dim) => typeof dim === 'number');
    total += elementCount(known);
    if (total > MAX_UNPROVEN_ELEMENTS)
      throw new MalformedModelError(`"${value.name}" of shape [${value.shape.join(', ')}] makes it too large to run`);
  }
}

function compiled(session: InferenceSession): CompiledGraph {
  const used = new Set(session.inputNames);
  return {
    run: async (feeds) => {
      const given = Object.entries(feeds).filter(([name]) => used.has(name));
      const results = await session.run(
        Object.fromEntries(given.map(([name, { type, data, dims }]) => [name, new OrtTensor(type, data, dims)])),
        { logSeverityLevel: FATAL_ONLY },
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
