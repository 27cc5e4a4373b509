import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Executor, ortExecutor } from '#onnx-autodiff';
import { allCases, GRADIENT_TOLERANCE } from '../../onnx-autodiff/testing/allCases.js';
import { disagreement, gradientError } from '../../onnx-autodiff/testing/finiteDifferences.js';
import { tensorFlowExecutor } from './executor.js';
import type { TensorFlow } from './native.js';
import { engine, nativeCalls } from './testing/engine.js';

/** What most networks consist of: never left to ONNX Runtime. (MaxPool is, where it is dilated.) */
const CORE = [
  'Conv',
  'ConvTranspose',
  'Gemm',
  'MatMul',
  'AveragePool',
  'BatchNormalization',
  'Relu',
  'Add',
  'Mul',
  'Softmax',
];

const reference = ortExecutor({ threads: 1 });
const hosted = new Set<string>();
let tf: TensorFlow;
let executor: Executor;

beforeAll(() => {
  tf = engine();
  executor = tensorFlowExecutor(tf, ({ op }, type) => type !== 'int64' && hosted.add(op)); // int64: sizes, not data
});

describe.each(Object.entries(allCases))('%s on TensorFlow', (_op, list) => {
  it.each(list.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const before = tf.memory().numTensors;
    const calls = await nativeCalls(tf, async () => {
      expect(await disagreement(each, [reference, executor])).toBeLessThan(1e-4);
      expect(await gradientError(each, executor)).toBeLessThan(GRADIENT_TOLERANCE);
    });
    expect(calls.size).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('leaves rare operations to ONNX Runtime', () => {
  process.stderr.write(`TensorFlow left to ONNX Runtime, in some of the cases: ${[...hosted].sort().join(', ')}\n`);
  expect(CORE.filter((op) => hosted.has(op))).toEqual([]);
});
