import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';

jest.setTimeout(300_000);

/** A process of its own: the most memory that one has taken never falls. Prints MiB, both over what the libraries take. */
const script = (layers: string, input: string, batch: number) => `
import { fitTraining, hardenModel } from '#adversarial';
import { ModelBuilder, ortExecutor, parseModel } from '#onnx-autodiff';
const executor = ortExecutor({ threads: 1 });
const predictAndTrain = async (net, dims, batchSize) => {
  const model = parseModel(net.flatten().dense(10).build());
  const n = 2 * batchSize;
  const x = Float32Array.from({ length: n * dims.reduce((a, b) => a * b) }, (_, i) => ((i * 7919) % 1000) / 1000);
  const data = { x, y: Int32Array.from({ length: n }, (_, i) => i % 10), n, dims, classes: 10 };
  const recipe = { attackSteps: 2, epochs: 1, batchSize, learningRate: 1e-4, epsilonFactor: 1 };
  const plan = { recipe, threat: { norm: 'linf', epsilon: 0.1, range: [0, 1] }, seed: 1 };
  const { bytes } = await fitTraining(model, plan, { executor, limit: 2 ** 40 });
  let steps = 0;
  const stop = new AbortController();
  const onProgress = () => ++steps === 2 && stop.abort();
  await hardenModel(model, data, data, plan, { executor, progressEvery: 1, onProgress, signal: stop.signal }).catch(() => {});
  return bytes;
};
await predictAndTrain(new ModelBuilder({ input: [1, 8, 8], seed: 1 }).convolution(4, { kernel: 3 }), [1, 8, 8], 4);
const before = process.memoryUsage().rss;
const input = ${input};
const predicted = await predictAndTrain(new ModelBuilder({ input, seed: 1 })${layers}, input, ${batch});
console.log(JSON.stringify([predicted, process.resourceUsage().maxRSS * 1024 - before].map((bytes) => bytes / 2 ** 20)));
`;

/** Prediction and reality may differ by so much: the default bound leaves a fifth free. */
const [LOW, HIGH] = [0.5, 1.35];

describe('the predicted memory of a training', () => {
  it.each([
    [
      'by the fast lowering',
      '.convolution(32, { kernel: 3, pad: 1 }).relu().convolution(64, { kernel: 3, pad: 1 }).relu()',
      '[1, 28, 28]',
      48,
    ],
    [
      'by the plain lowering, on few rows',
      '.convolution(32, { kernel: 5, pad: 2 }).relu().convolution(32, { kernel: 5, pad: 2 }).relu()',
      '[3, 64, 64]',
      12,
    ],
    ['of many weights', '.dense(4096).relu().dense(2048).relu()', '[784]', 32],
  ])('is about what a process takes, %s', async (_name, layers, input, batch) => {
    const args = ['--input-type=module', '-e', script(layers, input, batch)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const [predicted = 0, taken = 0] = JSON.parse(stdout) as number[];

    expect(taken).toBeGreaterThan(LOW * predicted);
    expect(taken).toBeLessThan(HIGH * predicted);
  });
});
