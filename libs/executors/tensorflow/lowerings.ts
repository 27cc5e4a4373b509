import type { Graph, Lowering, Lowerings } from '#onnx-autodiff';
import { composites } from './composites.js';
import { convolution, inputGradient, transposedConvolution, weightGradient } from './convolution.js';
import type { Lower } from './layout.js';
import { averagePool, averagePoolGradient, globalPool, maxPool, maxPoolGradient } from './pooling.js';

/** Gradient operations stay whole: TensorFlow has kernels for them. */
const gradientOperations = {
  ConvInputGradient: inputGradient,
  ConvWeightGradient: weightGradient,
  MaxPoolGradient: maxPoolGradient,
  AveragePoolGradient: averagePoolGradient,
} satisfies Record<keyof Lowerings, Lower>;

const operations: Record<string, Lower> = {
  ...composites,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalPool('mean'),
  GlobalMaxPool: globalPool('maximum'),
};

/** What `graph`, whose shapes are known, is written with before TensorFlow runs it. */
export function tensorFlowLowerings(graph: Graph): Lowerings {
  const bind =
    (lower: Lower): Lowering =>
    (emit, node) =>
      lower(emit, node, graph.dims(node.outputs[0] ?? ''));
  const bound = (table: Record<string, Lower>) =>
    Object.fromEntries(Object.entries(table).map(([op, lower]) => [op, bind(lower)]));
  return { ...bound(operations), ...(bound(gradientOperations) as Lowerings) };
}
