import { type Classifier, floats, Graph, scalar, type Tensor, weightInputs } from '#onnx-autodiff';

import { biasCorrections } from './adamGraph.js';
import { FIRST, NEXT, optimizerNodes, SECOND } from './optimizerGraph.js';
import type { Tensors } from './checkpoint.js';
import {
  compileTraining,
  type OptimizerState,
  type TrainingBatch,
  type TrainingGraphOptions,
} from './trainingGraph.js';

const SLOPE = '@slope:';

/**
 * `compileTraining` for batches of which only a part fits into memory: `parts` passes of `classifier.batch` rows, whose
 * gradients are averaged before the optimizer sees them. Losses are means over rows, so equal parts give the gradient of the
 * whole batch, up to rounding. Batch statistics would be those of a part.
 */
export const compileSplitTraining =
  (parts: number): typeof compileTraining =>
  async (classifier, options) => {
    const passes = await compilePass(classifier, options);
    const optimizer = await compileOptimizer(classifier, options);
    return {
      lowering: passes.lowering,
      async step(batch, state) {
        const whole = { loss: 0, accuracy: 0, slopes: new Map<string, Float32Array>() };
        for (let part = 0; part < parts; part++) {
          const { loss, accuracy, slopes } = await passes.run(partOf(batch, part, parts), state);
          whole.loss += loss / parts;
          whole.accuracy += accuracy / parts;
          addShare(whole.slopes, slopes, 1 / parts);
        }
        const { loss, accuracy, slopes } = whole;
        return { loss, accuracy, state: await optimizer.run(slopes, batch.learningRate, state) };
      },
      async release() {
        await passes.release();
        await optimizer.release();
      },
    };
  };

/** Gradients alone: from a momentum of zero, the momentum after one step of plain SGD is the gradient. */
async function compilePass(classifier: Classifier, options: TrainingGraphOptions) {
  const plainSgd = { optimizer: 'sgd', weightDecay: 0, clipNorm: undefined } as const;
  const training = await compileTraining(classifier, { ...options, recipe: { ...options.recipe, ...plainSgd } });
  const zeros = new Map([...classifier.parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
  return {
    lowering: training.lowering,
    async run(part: TrainingBatch, { step, weights }: OptimizerState) {
      const state = { step, weights, firstMoments: zeros, secondMoments: zeros };
      const { loss, accuracy, state: next } = await training.step({ ...part, learningRate: 0 }, state);
      return { loss, accuracy, slopes: next.firstMoments };
    },
    release: () => training.release(),
  };
}

/** The optimizer alone, as a graph of its own. */
async function compileOptimizer(classifier: Classifier, { executor, recipe }: TrainingGraphOptions) {
  const { optimizer = 'adam', weightDecay = 0, clipNorm } = recipe;
  const { parameters } = classifier;
  const graph = new Graph();
  const weights = weightInputs(graph, { parameters, statistics: new Map() });
  const slopes = new Map(
    [...parameters].map(([name, { dims }]) => [weights.get(name)!, graph.input(SLOPE + name, dims)]),
  );
  optimizerNodes(graph, classifier, weights, slopes, { optimizer, weightDecay, clipNorm });
  const compiled = await executor.compile(graph);
  const feeds = (prefix: string, tensors: Tensors): Record<string, Tensor> =>
    Object.fromEntries(
      [...parameters].map(([name, { dims }]) => [prefix + name, floats(tensors.get(name)!, dims)] as const),
    );
  return {
    async run(slopes: Tensors, learningRate: number, state: OptimizerState): Promise<OptimizerState> {
      const step = state.step + 1;
      const { first, second } = biasCorrections(step);
      const outputs = await compiled.run({
        ...feeds('', state.weights),
        ...feeds(SLOPE, slopes),
        ...feeds(FIRST, state.firstMoments),
        ...(optimizer === 'adam' && feeds(SECOND, state.secondMoments)),
        ...(optimizer === 'adam' && { '@firstCorrection': scalar(first), '@secondCorrection': scalar(second) }),
        '@learningRate': scalar(learningRate),
      });
      const collect = (prefix: string): Tensors =>
        new Map([...parameters.keys()].map((name) => [name, outputs[prefix + name]!.data as Float32Array]));
      return {
        step,
        weights: collect(NEXT),
        firstMoments: collect(NEXT + FIRST),
        secondMoments: optimizer === 'adam' ? collect(NEXT + SECOND) : state.secondMoments,
      };
    },
    release: () => compiled.release(),
  };
}

function partOf({ x, labels, noise, ...numbers }: TrainingBatch, part: number, parts: number): TrainingBatch {
  const cut = (rows: Float32Array) => rows.subarray((part * rows.length) / parts, ((part + 1) * rows.length) / parts);
  return { ...numbers, x: cut(x), labels: cut(labels), noise: cut(noise) };
}

function addShare(sums: Map<string, Float32Array>, slopes: Tensors, share: number): void {
  for (const [name, values] of slopes) {
    const sum = sums.get(name) ?? new Float32Array(values.length);
    values.forEach((value, i) => (sum[i]! += value * share));
    sums.set(name, sum);
  }
}
