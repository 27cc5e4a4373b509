import { describe, expect, it } from '@jest/globals';

import { decodeCheckpoint, encodeCheckpoint, type TrainingState } from './checkpoint.js';
import { CheckpointError } from './errors.js';

const tensors = (offset: number) =>
  new Map([
    ['conv.weight', Float32Array.of(offset, -1.5e-42, NaN)], // a denormal survives
    ['empty', new Float32Array(0)],
  ]);
const state: TrainingState = {
  run: 'abc',
  epoch: 2,
  step: 40,
  random: [1, -2, 3, -4],
  interrupted: { steps: 3, loss: 0.1 + 0.2, accuracy: 2.5, order: [5, 6, -7, 8] },
  backOffs: 1,
  overfittedAt: 2,
  history: [
    { epoch: 1, loss: 0.5, accuracy: 0.75, validation: null },
    { epoch: 2, loss: 0.25, accuracy: 0.875, validation: { clean: 0.9, fgsm: 0.85, robust: 0.8 } },
  ],
  weights: tensors(1),
  firstMoments: tensors(2),
  secondMoments: tensors(3),
  averages: tensors(4),
  best: { epoch: 2, weights: tensors(4) },
};

describe('checkpoint', () => {
  it('comes back as it was, from any place in memory', () => {
    const bytes = encodeCheckpoint(state);
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    expect(decodeCheckpoint(moved.subarray(3))).toEqual(state);
    expect(decodeCheckpoint(encodeCheckpoint({ ...state, best: null }))).toEqual({ ...state, best: null });
  });

  it('says that it is damaged wherever it is cut off', () => {
    const bytes = encodeCheckpoint(state);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeCheckpoint(bytes.subarray(0, length))).toThrow(CheckpointError);
    }
  });
});
