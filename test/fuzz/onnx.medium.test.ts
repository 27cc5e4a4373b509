import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { random } from '#adversarial';
import {
  loadClassifier,
  MalformedModelError,
  ModelBuilder,
  type OnnxModel,
  ortExecutor,
  parseModel,
  patchWeights,
  UnsupportedModelError,
  withExternalData,
} from '#onnx-autodiff';
import { mutants } from './mutants.js';
import { onnxMutants } from './onnxMutants.js';
import { largestGrowth, outcomeOf } from './outcome.js';

const NAMED = [MalformedModelError, UnsupportedModelError];
const MEBIBYTE = 2 ** 20;
const TIMEOUT_MS = 30_000;

const built = new ModelBuilder({ input: [2, 6, 6], seed: 3 })
  .convolution(3, { kernel: 3, pad: 1 })
  .batchNormalization()
  .relu()
  .maxPool({ kernel: 2, stride: 2 })
  .flatten()
  .dense(3)
  .softmax()
  .build();
const exported = ['float16-cnn-varint', 'pytorch-tabular-dynamo', 'pytorch-series-script', 'keras-mlp', 'external-ir'];
const files: [name: string, bytes: Uint8Array][] = [
  ['built', built],
  ...exported.map((name): [string, Uint8Array] => [name, readFileSync(resolve(`test/exporters/${name}.onnx`))]),
];

const data = readFileSync(resolve('test/exporters/external-ir.onnx.data'));
const read = async (bytes: Uint8Array): Promise<OnnxModel> =>
  parseModel(
    await withExternalData(bytes, ({ offset, length }) => Promise.resolve(data.subarray(offset, offset + length))),
  );

/** Numbers, not bytes: there are many NaN, and which one is written is up to the JavaScript engine. */
const equal = (a: Float32Array, b: Float32Array) =>
  a.length === b.length && a.every((value, i) => Object.is(value, b[i]));

/** A file whose weights are written where they were read is the same model. */
function rewrite(model: OnnxModel): void {
  const weights = new Map([...model.parameters, ...model.statistics].map(({ name, data: numbers }) => [name, numbers]));
  const written = parseModel(patchWeights(model, weights));
  const same = written.parameters.every(({ name, data: numbers }) => equal(numbers, weights.get(name)!));
  expect(same).toBe(true);
}

describe('damaged ONNX files', () => {
  it('are refused at every truncation but where what is left is a model', async () => {
    for (let length = 0; length < built.length; length++)
      await outcomeOf(() => parseModel(built.subarray(0, length)), NAMED);
    expect(() => parseModel(built.subarray(0, built.length / 2))).toThrow(MalformedModelError);
  });

  it.each(files)(
    '%s: 600 of them are read, or refused in one line',
    async (_name, file) => {
      const seen = { read: 0, refused: 0 };
      const grown = await largestGrowth(async (look) => {
        for (const bytes of mutants(file, 600, random(1))) {
          seen[await outcomeOf(async () => rewrite(await read(bytes)), NAMED)]++;
          look();
        }
      });
      expect(seen.read).toBeGreaterThan(20);
      expect(seen.refused).toBeGreaterThan(200);
      expect(grown).toBeLessThan(512 * MEBIBYTE);
    },
    TIMEOUT_MS,
  );

  it.each(files)(
    '%s: 120 that are well formed are read and loaded, or refused in one line',
    async (_name, file) => {
      const executor = ortExecutor({ threads: 1 });
      const seen = { read: 0, refused: 0 };
      const grown = await largestGrowth(async (look) => {
        for (const bytes of onnxMutants(file, 120, random(2))) {
          const load = async () => {
            const model = await read(bytes);
            rewrite(model);
            await loadClassifier(model, { batch: 2, executor });
          };
          seen[await outcomeOf(load, NAMED)]++;
          look();
        }
      });
      expect(seen.read).toBeGreaterThan(20);
      expect(seen.refused).toBeGreaterThan(20);
      expect(grown).toBeLessThan(1024 * MEBIBYTE);
    },
    TIMEOUT_MS,
  );
});
