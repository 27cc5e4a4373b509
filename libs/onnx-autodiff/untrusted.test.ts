import { describe, expect, it } from '@jest/globals';
import { loadClassifier } from './classifier.js';
import { MalformedModelError, UnsupportedModelError } from './errors.js';
import { ModelBuilder } from './modelBuilder.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { uniformStream } from './random.js';

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

/** The file with one to three random bytes changed. */
function* damaged(count: number, seed: number): Generator<Uint8Array> {
  const random = uniformStream(seed);
  for (let i = 0; i < count; i++) {
    const bytes = file.slice();
    for (let flips = 1 + Math.floor(random() * 3); flips > 0; flips--)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    yield bytes;
  }
}

describe('files that nobody vouches for', () => {
  it('gives one named error for every truncation', () => {
    for (let length = 0; length < file.length; length++) {
      expectNamed(outcome(file.subarray(0, length)));
    }
    expect(outcome(file.subarray(0, file.length / 2))).toBeInstanceOf(MalformedModelError);
  });

  it('gives nothing but named errors for changed bytes', () => {
    for (const bytes of damaged(5000, 1)) expectNamed(outcome(bytes));
  });

  it('gives nothing but named errors when such a file is loaded', async () => {
    const executor = ortExecutor({ threads: 1 });
    let loaded = 0;
    for (const bytes of damaged(300, 2)) {
      if (outcome(bytes) !== undefined) continue;
      await loadClassifier(parseModel(bytes), { batch: 2, executor }).then(() => loaded++, expectNamed);
    }
    expect(loaded).toBeGreaterThan(20);
  });
});
