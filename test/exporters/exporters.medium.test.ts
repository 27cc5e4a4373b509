import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type NpyArray, readNpz } from '#artifacts';
import { type Dataset, evaluateRobustness, hardenModel, random, type ThreatModel } from '#adversarial';
import {
  compileForward,
  compileLogitGradients,
  elementCount,
  type ExternalPlace,
  ortExecutor,
  parseModel,
  patchWeights,
  withExternalData,
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
  const name = file.replace(/(-dynamo|-script|-converted|-io|-varint)?\.onnx$/, '.npz');
  const arrays = readNpz(readFileSync(resolve(folder, name)), name);
  const [x, logits, gradient] = ['x', 'logits', 'gradient'].map((key) => floatsOf(arrays.get(key)));
  const classes = Array.from(floatsOf(arrays.get('classes')));
  return { x: x!, logits: logits!, gradient: gradient!, classes };
}

describe("files of today's exporters", () => {
  it('come from PyTorch (both exporters) and Keras, seven networks each, and some in float16 or with data outside', () => {
    expect(files).toHaveLength(21 + 7 + 2);
  });

  it.each(files.filter((file) => !file.startsWith('external')))(
    '%s: logits and input gradients are those of the framework',
    async (file) => {
      const { x, logits, gradient, classes } = truthOf(file);
      const model = parseModel(readFileSync(resolve(folder, file)));
      const rows = classes.length;
      const forward = await compileForward(model, { batch: 2, executor });
      // Exporters fold batch normalisation into weights, which float16 rounds again.
      const tolerance = file.startsWith('float16') ? 2e-3 : 1e-4;
      expect(distance(await forward.run(x, rows), logits)).toBeLessThan(tolerance);
      const compiled = await compileLogitGradients(model, { batch: rows, executor });
      const { gradients } = await compiled.run(x, rows, (row) => [classes[row] ?? 0]);
      const found = Float32Array.from(gradients.flatMap(([first]) => Array.from(first ?? [])));
      expect(distance(found, gradient)).toBeLessThan(10 * tolerance);
      await forward.release();
      await compiled.release();
    },
  );
});

/** What ONNX Runtime computes of the file itself, in the types that the file has. */
async function scoresOf(bytes: Uint8Array, x: Float32Array, dims: readonly number[]): Promise<Float32Array> {
  // Its full optimization crashes on float16 attention.
  const session = await InferenceSession.create(bytes, { graphOptimizationLevel: 'basic' });
  const [input, output] = [session.inputMetadata[0]!, session.outputNames[0]!];
  const type = input.isTensor && input.type === 'float16' ? 'float16' : 'float32';
  const data = type === 'float16' ? Uint16Array.from(x, halfOf) : x;
  const scores = (await session.run({ [input.name]: new Tensor(type, data, dims) }))[output]!;
  await session.release();
  const { buffer, byteOffset, length } = scores.data as Float32Array;
  return scores.type === 'float16'
    ? Float32Array.from(new Uint16Array(buffer, byteOffset, length), numberOf)
    : (scores.data as Float32Array);
}

/** Of the numbers in the .npz, all of which float16 has, and from 2^-14 to below 2. */
const halfOf = (value: number): number => {
  const exponent = value === 0 ? -15 : Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) + (value === 0 ? 0 : Math.round((value / 2 ** exponent - 1) * 1024));
};
const numberOf = (bits: number): number => {
  const size = 2 ** Math.max(-14, ((bits >> 10) & 31) - 15) * (Number((bits & 0x7c00) > 0) + (bits & 1023) / 1024);
  return bits & 0x8000 ? -size : size;
};

function softmax(logits: Float32Array, classes: number): Float32Array {
  const powers = logits.map(Math.exp);
  return powers.map((power, i) => {
    const row = Math.floor(i / classes) * classes;
    return power / powers.subarray(row, row + classes).reduce((sum, each) => sum + each);
  });
}

describe('float16 files with other weights', () => {
  it.each(files.filter((file) => file.startsWith('float16')))(
    '%s: ONNX Runtime computes with them what we do',
    async (file) => {
      const { x } = truthOf(file);
      const model = parseModel(readFileSync(resolve(folder, file)));
      const draw = random(3).next;
      const changed = new Map(
        model.parameters.map(({ name, data }) => [name, data.map((w) => w * (0.5 + draw()) + 0.1 * draw())]),
      );
      const bytes = patchWeights(model, changed);
      const written = parseModel(bytes);
      for (const { name, data } of written.parameters)
        expect(distance(data, changed.get(name)!)).toBeLessThan(2 ** -11);
      const forward = await compileForward(written, { batch: 3, executor });
      const own = await forward.run(x, 3);
      await forward.release();
      const scores = await scoresOf(bytes, x, [3, 1, 8, 8]);
      expect(distance(scores, file.includes('-cnn-') ? softmax(own, 4) : own)).toBeLessThan(1e-2);
    },
  );
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

const classesOf = (file: string) => (file.includes('tabular') ? 2 : file.startsWith('float16') ? 4 : 5);

describe('files with their weights outside', () => {
  it.each(files.filter((file) => file.startsWith('external')))('%s is the model that was saved', async (file) => {
    const read = ({ location, offset, length }: ExternalPlace) =>
      Promise.resolve(readFileSync(resolve(folder, location)).subarray(offset, offset + length));
    const model = parseModel(await withExternalData(readFileSync(resolve(folder, file)), read));
    const original = parseModel(readFileSync(resolve(folder, 'pytorch-cnn-script.onnx')));
    expect(model.operations).toEqual(original.operations);
    expect(model.parameters).toEqual(original.parameters);
  });
});

describe('hardening what an exporter wrote', () => {
  it.each(['pytorch-tabular-dynamo.onnx', 'keras-cnn.onnx', 'float16-cnn-varint.onnx'])(
    '%s',
    async (file) => {
      const model = parseModel(readFileSync(resolve(folder, file)));
      const dims = model.input.dims.slice(1).map(Number);
      const data = easyRows(1840, dims, classesOf(file), random(5).next);
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
