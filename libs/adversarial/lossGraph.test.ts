import { describe, expect, it } from '@jest/globals';

import { floats, Graph, ortExecutor } from '#onnx-autodiff';

import { rowLoss } from './attacks/rowLoss.js';
import { type AttackLoss, logitGradient } from './lossGraph.js';
import { normal, random } from './random.js';

const ROWS = 6;

async function gradientOf(loss: AttackLoss, logits: Float32Array, labels: Float32Array, classes: number) {
  const dims = [ROWS, classes];
  const graph = new Graph();
  graph.output(logitGradient(graph, graph.input('z', dims), graph.input('labels', dims), loss), 'gradient');
  const compiled = await ortExecutor({ threads: 1 }).compile(graph);
  const { gradient } = await compiled.run({ z: floats(logits, dims), labels: floats(labels, dims) });
  await compiled.release();
  return gradient!.data as Float32Array;
}

describe('the losses that attacks climb', () => {
  it.each([
    ['ce', 10],
    ['margin', 10],
    ['margin', 2],
    ['dlr', 10],
    ['dlr', 4],
    ['dlr', 3],
  ] as const)('the gradient of %s over %i classes is that of its value', async (loss, classes) => {
    const source = random(7);
    const logits = Float32Array.from({ length: ROWS * classes }, () => 3 * normal(source));
    const labels = new Float32Array(ROWS * classes);
    for (let row = 0; row < ROWS; row++) {
      labels[row * classes + (row % classes)] = 1;
      if (loss === 'dlr') labels[row * classes + ((row + 1 + (row % 2)) % classes)] = -1;
    }
    const gradient = await gradientOf(loss, logits, labels, classes);
    const h = 2 ** -8;
    for (let i = 0; i < logits.length; i++) {
      const [up, down] = [h, -h].map((step) => {
        const moved = logits.slice();
        moved[i]! += step;
        return rowLoss(loss, moved, labels, Math.floor(i / classes), classes);
      });
      expect(gradient[i]).toBeCloseTo((up! - down!) / (2 * h), 3);
    }
  });
});
