import { describe, expect, it } from '@jest/globals';
import type { CompiledAttack } from './attackGraph.js';
import { checkOutputs } from './outputs.js';

/** A model of two values and three classes whose scores are made up. */
const attackWith = (scores: (call: number) => number[]): CompiledAttack => {
  let call = 0;
  return {
    ...{ norm: 'linf', loss: 'ce', batch: 4, features: 2, classes: 3 },
    step: ({ x }) => Promise.resolve({ next: x, logits: Float32Array.from(scores(call++)) }),
    release: () => Promise.resolve(),
  };
};
const look = (scores: (call: number) => number[]) => checkOutputs(attackWith(scores), new Float32Array(4), [0, 1]);
const padding = [0, 0, 0, 0, 0, 0];

describe('outputs', () => {
  it('that are the same each time and not far apart are fine', async () => {
    expect(await look(() => [1, 2, 3, 10, 0, 0, ...padding])).toEqual({ rows: 2, random: 0, saturated: 0 });
  });

  it('that change are counted, rows of the data only', async () => {
    const scores = (call: number) => [1, 2, 3, 1, 2 + 1e-3 * call, 3, call, ...padding.slice(1)];
    expect(await look(scores)).toMatchObject({ rows: 2, random: 1 });
  });

  it.each([
    [17.3, Math.fround(1 / (1 + Math.exp(-17.3))) === 1],
    [17.4, Math.fround(1 / (1 + Math.exp(-17.4))) === 1],
  ])('are saturated where float32 cannot tell the softmax from 1: logits %d apart', async (gap, isOne) => {
    expect(await look(() => [gap, 0, -99, 0, gap, -99, ...padding])).toMatchObject({ saturated: isOne ? 2 : 0 });
  });
});
