import { describe, expect, it } from '@jest/globals';

import { floats, Graph, loadClassifier, ortExecutor, scalar, weightInputs } from '#onnx-autodiff';

import { linearModel } from './fixtures/blobs.js';
import { optimizerNodes, type OptimizerOptions } from './optimizerGraph.js';

const executor = ortExecutor({ threads: 1 });
const start = Float32Array.of(0.5, -1, 0.25, -0.5, 1, 2);
const slopes = { w: Float32Array.of(3, -1, 0.5, 0, 2, -2), b: Float32Array.of(1, -4) };

/** The next weights and momenta, from weights `start` and zero biases, after `steps` steps with the same gradients. */
async function run(options: OptimizerOptions, learningRate: number, steps: number) {
  const classifier = await loadClassifier(linearModel(start, 2), { batch: 1, executor });
  const graph = new Graph();
  const weights = weightInputs(graph, classifier);
  const given = new Map(
    [...classifier.parameters].map(([name, { dims }]) => [weights.get(name)!, graph.input(`@slope:${name}`, dims)]),
  );
  optimizerNodes(graph, classifier, weights, given, options);
  const compiled = await executor.compile(graph);
  const dims = { w: [2, 3], b: [2] };
  let state: Record<'w' | 'b', Float32Array> = { w: start, b: new Float32Array(2) };
  let moments: Record<'w' | 'b', Float32Array> = { w: new Float32Array(6), b: new Float32Array(2) };
  for (let step = 0; step < steps; step++) {
    const outputs = await compiled.run({
      '@learningRate': scalar(learningRate),
      ...Object.fromEntries(
        (['w', 'b'] as const).flatMap((name) => [
          [weights.get(name)!, floats(state[name], dims[name])],
          [`@first:${name}`, floats(moments[name], dims[name])],
          [`@slope:${name}`, floats(slopes[name], dims[name])],
        ]),
      ),
    });
    const read = (name: string) => outputs[name]!.data as Float32Array;
    state = { w: read('@next:w'), b: read('@next:b') };
    moments = { w: read('@next:@first:w'), b: read('@next:@first:b') };
  }
  await compiled.release();
  return state;
}

describe('SGD', () => {
  it('has momentum', async () => {
    const { w } = await run({ optimizer: 'sgd', weightDecay: 0, clipNorm: undefined }, 0.1, 3);
    // Momentum after 1, 2, 3 steps: g, 1.9 g, 2.71 g.
    w.forEach((value, i) => expect(value).toBeCloseTo(start[i]! - 0.1 * (1 + 1.9 + 2.71) * slopes.w[i]!, 5));
  });

  it('takes a share off each weight, apart from the gradient', async () => {
    const { w } = await run({ optimizer: 'sgd', weightDecay: 0.2, clipNorm: undefined }, 0.1, 1);
    w.forEach((value, i) => expect(value).toBeCloseTo(start[i]! * (1 - 0.02) - 0.1 * slopes.w[i]!, 5));
  });

  it.each([1, 100])('keeps the direction of a gradient over all tensors, at most %d long', async (clipNorm) => {
    const length = Math.hypot(...slopes.w, ...slopes.b);
    const factor = Math.min(1, clipNorm / length);
    const { w, b } = await run({ optimizer: 'sgd', weightDecay: 0, clipNorm }, 0.1, 1);
    w.forEach((value, i) => expect(value).toBeCloseTo(start[i]! - 0.1 * factor * slopes.w[i]!, 5));
    b.forEach((value, i) => expect(value).toBeCloseTo(-0.1 * factor * slopes.b[i]!, 5));
  });
});
