import { describe, expect, it } from '@jest/globals';
import { MalformedModelError, UnsupportedModelError } from './errors.js';
import { ModelBuilder } from './modelBuilder.js';
import { parseModel } from './parseModel.js';

const file = new ModelBuilder({ input: [2, 6, 6], seed: 3 })
  .convolution(3, { kernel: 3, pad: 1 })
  .batchNormalization()
  .relu()
  .maxPool({ kernel: 2, stride: 2 })
  .flatten()
  .dense(3)
  .softmax()
  .build();

function expectNamed(error: unknown): void {
  if (error === undefined || error instanceof MalformedModelError || error instanceof UnsupportedModelError) return;
  throw new Error('a file caused an error that is not named', { cause: error });
}

function outcome(bytes: Uint8Array): unknown {
  try {
    parseModel(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('files that nobody vouches for', () => {
  it('gives one named error for every truncation', () => {
    for (let length = 0; length < file.length; length++) {
      expectNamed(outcome(file.subarray(0, length)));
    }
    expect(outcome(file.subarray(0, file.length / 2))).toBeInstanceOf(MalformedModelError);
  });
});
