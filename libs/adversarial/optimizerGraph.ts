import { type Classifier, Emitter, type Graph } from '#onnx-autodiff';

import { type AdamInputs, adamUpdate } from './adamGraph.js';
import type { Optimizer } from './recipe.js';
import { sgdUpdate } from './sgdGraph.js';

/** Names of graph inputs and outputs. */
export const FIRST = '@first:';
export const SECOND = '@second:';
export const NEXT = '@next:';

export interface OptimizerOptions {
  optimizer: Optimizer;
  weightDecay: number;
  clipNorm: number | undefined;
}

/** From the gradients to the next weights and moments, as outputs of the graph. */
export function optimizerNodes(
  graph: Graph,
  { parameters }: Classifier,
  weights: ReadonlyMap<string, string>,
  slopes: ReadonlyMap<string, string>,
  { optimizer, weightDecay, clipNorm }: OptimizerOptions,
): void {
  const emit = new Emitter(graph);
  const learningRate = graph.input('@learningRate', []);
  const adam: AdamInputs | null =
    optimizer === 'adam'
      ? {
          learningRate,
          firstCorrection: graph.input('@firstCorrection', []),
          secondCorrection: graph.input('@secondCorrection', []),
        }
      : null;
  const scale = clipNorm === undefined ? undefined : clipScale(graph, [...slopes.values()], clipNorm);
  const kept = weightDecay > 0 ? emit.sub(1, emit.mul(learningRate, weightDecay)) : undefined;
  for (const [name, { dims }] of parameters) {
    const original = weights.get(name)!;
    const slope = slopes.get(original)!;
    const gradient = scale === undefined ? slope : emit.mul(slope, scale);
    const weight = kept === undefined ? original : emit.mul(original, kept);
    const firstMoment = graph.input(FIRST + name, dims);
    if (adam) {
      const secondMoment = graph.input(SECOND + name, dims);
      const next = adamUpdate(graph, { weight, firstMoment, secondMoment }, gradient, adam);
      graph.output(next.secondMoment, NEXT + SECOND + name);
      graph.output(next.firstMoment, NEXT + FIRST + name);
      graph.output(next.weight, NEXT + name);
    } else {
      const next = sgdUpdate(graph, { weight, firstMoment }, gradient, learningRate);
      graph.output(next.firstMoment, NEXT + FIRST + name);
      graph.output(next.weight, NEXT + name);
    }
  }
}

/** Keeps the direction; the length over all tensors together becomes `longest` at most (Pascanu et al. 2013). */
function clipScale(graph: Graph, slopes: readonly string[], longest: number): string {
  const emit = new Emitter(graph);
  const squares = slopes.map((slope) => {
    const axes = emit.dims(slope).map((_size, axis) => axis);
    return emit.sum(emit.mul(slope, slope), axes, false);
  });
  const length = emit.sqrt(squares.reduce((sum, square) => emit.add(sum, square)));
  return emit.min(1, emit.div(longest, emit.max(length, TINY)));
}

const TINY = 1e-30;
