import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type NpyArray, readNpz } from '#artifacts';
import { type Dataset, evaluateRobustness, hardenModel, random, type ThreatModel } from '#adversarial';
import {
  compileForward,
  compileLogitGradients,
  elementCount,
  ortExecutor,
  parseModel,
  patchWeights,
} from '#onnx-autodiff';

const folder = resolve('test/exporters');
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'));
const executor = ortExecutor({ threads: 1 });

const floatsOf = (array: NpyArray | undefined): Float32Array => Float32Array.from(array?.data as Float32Array);

/** The largest difference as a share of the largest number. */
function distance(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return Infinity;
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (found[i] ?? NaN)) / scale), 0);
}

/** What the framework itself computed from the model that it exported. */
function truthOf(file: string) {
  const name = file.replace(/(-dynamo|-script)?\.onnx$/, '.npz');
  const arrays = readNpz(readFileSync(resolve(folder, name)), name);
  const [x, logits, gradient] = ['x', 'logits', 'gradient'].map((key) => floatsOf(arrays.get(key)));
  const classes = Array.from(floatsOf(arrays.get('classes')));
  return { x: x!, logits: logits!, gradient: gradient!, classes };
}

describe("files of today's exporters", () => {
  it('come from PyTorch (both exporters) and Keras: seven networks each', () => {
    expect(files).toHaveLength(21);
  });

  it.each(files)('%s: logits and input gradients are those of the framework', async (file) => {
    const { x, logits, gradient, classes } = truthOf(file);
    const model = parseModel(readFileSync(resolve(folder, file)));
    const rows = classes.length;
    const forward = await compileForward(model, { batch: 2, executor });
    expect(distance(await forward.run(x, rows), logits)).toBeLessThan(1e-4);
    const compiled = await compileLogitGradients(model, { batch: rows, executor });
    const { gradients } = await compiled.run(x, rows, (row) => [classes[row] ?? 0]);
    const found = Float32Array.from(gradients.flatMap(([first]) => Array.from(first ?? [])));
    expect(distance(found, gradient)).toBeLessThan(1e-3);
    await forward.release();
    await compiled.release();
  });
});

/** Rows that are half a picture of their class, half noise. */
function easyRows(n: number, dims: readonly number[], classes: number, draw: () => number): Dataset {
  const features = elementCount(dims);
  const noise = (length: number) => Float32Array.from({ length }, draw);
  const pictures = Array.from({ length: classes }, () => noise(features));
  const y = Int32Array.from({ length: n }, (_, row) => row % classes);
  const x = noise(n * features).map(
    (value, i) => (value + (pictures[y[Math.floor(i / features)]!]?.[i % features] ?? 0)) / 2,
  );
  return { n, dims, classes, x, y };
}

const rowsOf = ({ x, y, ...rest }: Dataset, start: number, end: number): Dataset => {
  const features = elementCount(rest.dims);
  return { ...rest, n: end - start, x: x.subarray(start * features, end * features), y: y.subarray(start, end) };
};

describe('hardening what an exporter wrote', () => {
  it.each(['pytorch-tabular-dynamo.onnx', 'keras-cnn.onnx'])(
    '%s',
    async (file) => {
      const model = parseModel(readFileSync(resolve(folder, file)));
      const dims = model.input.dims.slice(1).map(Number);
      const data = easyRows(1840, dims, file.includes('tabular') ? 2 : 5, random(5).next);
      const [training, validation, test] = [rowsOf(data, 0, 1600), rowsOf(data, 1600, 1680), rowsOf(data, 1680, 1840)];
      const threat: ThreatModel = { norm: 'linf', epsilon: 0.02, range: [0, 1] };
      const recipe = { attackSteps: 2, epochs: 2, batchSize: 16, learningRate: 5e-3, epsilonFactor: 1 };
      const hardened = await hardenModel(model, training, validation, { recipe, threat, seed: 1 }, { executor });
      const pgdAccuracy = async (bytes: Uint8Array) => {
        const options = {
          executor,
          norm: 'linf',
          range: [0, 1],
          epsilons: [0.02],
          steps: 10,
          restarts: 1,
          seed: 1,
        } as const;
        return (await evaluateRobustness(parseModel(bytes), test, options)).attacks[0]!.pgd.value;
      };
      expect(await pgdAccuracy(model.bytes)).toBeLessThan(0.6);
      expect(await pgdAccuracy(patchWeights(model, hardened.weights))).toBeGreaterThan(0.8);
    },
    60_000,
  );
});
