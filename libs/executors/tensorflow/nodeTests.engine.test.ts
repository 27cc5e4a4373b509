import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Executor, ortExecutor } from '#onnx-autodiff';
import { knownNodeTestFailures } from '../../onnx-autodiff/testing/knownNodeTestFailures.js';
import { nodeTestFailure, nodeTests } from '../../onnx-autodiff/testing/nodeTests.js';
import { tensorFlowExecutor } from './executor.js';
import { engine } from './testing/engine.js';

const reference = ortExecutor({ threads: 1 });
const skipped = new Set(knownNodeTestFailures.flatMap(({ tests }) => tests));
/** What a classifier does without: other float types, outputs after the first, Clip with its bounds the wrong way round. */
const lacking: readonly (readonly [name: RegExp, says: RegExp])[] = [
  [/^test_cast_FLOAT_to_DOUBLE$/, /TensorFlow.js has no float64 tensors/],
  [/^test_layer_normalization_\w+$/, /the graph has no tensor "Mean"/],
  [/^test_maxpool_with_argmax_2d_precomputed_(pads|strides)$/, /the graph has no tensor "z"/],
  [/^test_clip_min_greater_than_max$/, /output y is 2 at 0, not 1/],
];
let executor: Executor;

beforeAll(() => {
  executor = tensorFlowExecutor(engine());
});

describe('node tests of the ONNX project on TensorFlow', () => {
  it.each(
    nodeTests()
      .filter(({ name }) => !skipped.has(name))
      .map((test) => [test.name, test] as const),
  )('%s', async (name, test) => {
    const failure = await nodeTestFailure(test, executor, reference).catch((error: unknown) => String(error));
    const says = lacking.find(([pattern]) => pattern.test(name))?.[1];
    if (says) expect(failure).toMatch(says);
    else expect(failure).toBeUndefined();
  });
});
