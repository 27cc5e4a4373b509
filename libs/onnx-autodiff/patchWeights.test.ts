import { describe, expect, it } from '@jest/globals';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, TensorProtoSchema } from './file/generated/onnx_pb.js';
import { encodeAttribute } from './file/attributes.js';
import { mnistCnn, ModelBuilder } from './modelBuilder.js';
import { parseModel } from './parseModel.js';
import { patchWeights } from './patchWeights.js';

const negated = (bytes: Uint8Array) => {
  const model = parseModel(bytes);
  const weights = new Map(
    [...model.parameters, ...model.statistics].map(({ name, data }) => [name, data.map((value) => 1 - value)]),
  );
  return { model, weights, patched: patchWeights(model, weights) };
};

const differing = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((count, byte, i) => count + Number(byte !== b[i]), 0);

describe('patchWeights', () => {
  it('changes the bytes of the weights and no others', () => {
    const bytes = new ModelBuilder({ input: [3], seed: 1 }).dense(4).batchNormalization().dense(2).build();
    const { model, weights, patched } = negated(bytes);
    expect(patched).toHaveLength(bytes.length);
    const reread = parseModel(patched);
    for (const { name, data } of [...reread.parameters, ...reread.statistics]) expect(data).toEqual(weights.get(name));
    const numbers = [...weights.values()].reduce((sum, data) => sum + data.length, 0);
    expect(differing(bytes, patched)).toBeLessThanOrEqual(4 * numbers);
    expect(
      Buffer.from(
        patchWeights(reread, new Map(model.parameters.concat(model.statistics).map(({ name, data }) => [name, data]))),
      ).equals(bytes),
    ).toBe(true);
  });

  it('leaves weights alone that are not given, and the original bytes too', () => {
    const bytes = Buffer.from(mnistCnn(1)); // as readFile gives it
    const model = parseModel(bytes);
    const [first] = model.parameters;
    if (!first) throw new Error('no parameters');
    const patched = patchWeights(model, new Map([[first.name, first.data.map(() => 0)]]));
    expect(differing(bytes, patched)).toBeGreaterThan(first.data.length);
    expect(differing(bytes, patched)).toBeLessThanOrEqual(4 * first.data.length);
    expect(bytes.equals(mnistCnn(1))).toBe(true);
    const original = parseModel(mnistCnn(1)).parameters;
    expect(model.parameters.every(({ data }, p) => data.every((value, i) => value === original[p]?.data[i]))).toBe(
      true,
    );
  });

  it('patches float_data and Constant nodes, and keeps what it does not know', () => {
    const model = create(ModelProtoSchema, {
      opsetImport: [{ version: 13n }],
      graph: {
        initializer: [create(TensorProtoSchema, { name: 'a', dataType: 1, dims: [3n], floatData: [1, 2, 3] })],
        node: [
          {
            opType: 'Constant',
            output: ['b'],
            attribute: [encodeAttribute('value', { type: 'float32', dims: [3], data: Float32Array.of(4, 5, 6) })],
          },
          { opType: 'Constant', output: ['c'], attribute: [encodeAttribute('value_floats', [7, 8, 9])] },
          { opType: 'Sum', input: ['x', 'a', 'b', 'c'], output: ['y'] },
        ],
        input: [
          { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 3n }] } } } },
        ],
        output: [{ name: 'y' }],
      },
    });
    const metadata = Uint8Array.of(0x72, 4, 0x0a, 2, 0x68, 0x69); // metadata_props (field 14), which the library does not read
    const bytes = new Uint8Array([...toBinary(ModelProtoSchema, model), ...metadata]);
    const { weights, patched } = negated(bytes);
    expect([...weights.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(parseModel(patched).parameters.map(({ name, data }) => [name, data])).toEqual([...weights]);
    expect(patched.subarray(-6)).toEqual(metadata);
  });

  it('rounds to float16 where the file has it, as bytes or as varints', () => {
    const ones = [0x3c00, 0x3c00, 0x3c00];
    const raw = { type: 'float16' as const, dims: [3], data: Uint16Array.from(ones) };
    const model = create(ModelProtoSchema, {
      opsetImport: [{ version: 13n }],
      graph: {
        initializer: [
          create(TensorProtoSchema, { name: 'a', dataType: 10, dims: [3n], rawData: new Uint8Array(raw.data.buffer) }),
          create(TensorProtoSchema, { name: 'b', dataType: 10, dims: [3n], int32Data: ones }),
        ],
        node: [
          { opType: 'Constant', output: ['c'], attribute: [encodeAttribute('value', raw)] },
          { opType: 'Cast', input: ['x'], output: ['half'], attribute: [encodeAttribute('to', 10)] },
          { opType: 'Sum', input: ['half', 'a', 'b', 'c'], output: ['y'] },
        ],
        input: [
          { name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'N' }, { dimValue: 3n }] } } } },
        ],
        output: [{ name: 'y' }],
      },
    });
    const file = parseModel(toBinary(ModelProtoSchema, model));
    expect(file.parameters.map(({ name, data }) => [name, ...data])).toEqual([
      ['a', 1, 1, 1],
      ['b', 1, 1, 1],
      ['c', 1, 1, 1],
    ]);
    const trained = Float32Array.of(1 / 3, -65000.7, 0); // 0x3555, 0xfbef, 0
    for (const name of ['a', 'b', 'c']) {
      const patched = patchWeights(file, new Map([[name, trained]]));
      const reread = fromBinary(ModelProtoSchema, patched);
      const tensors = [...reread.graph!.initializer, reread.graph!.node[0]!.attribute[0]!.t!];
      const place = ['a', 'b', 'c'].indexOf(name);
      expect(new Uint16Array(Uint8Array.from(tensors[place]!.rawData!).buffer)).toEqual(
        Uint16Array.of(0x3555, 0xfbef, 0),
      );
      // With the old numbers put back it is the old file.
      const restored = { rawData: new Uint8Array(raw.data.buffer), int32Data: [] };
      Object.assign(tensors[place]!, place === 1 ? { rawData: undefined, int32Data: ones } : restored);
      expect(Buffer.from(toBinary(ModelProtoSchema, reread)).equals(file.bytes)).toBe(true);
      if (place !== 1) expect(differing(file.bytes, patched)).toBeLessThanOrEqual(6);
    }
  });

  it('refuses names and sizes that do not fit', () => {
    const model = parseModel(mnistCnn(1));
    expect(() => patchWeights(model, new Map([['nothing', new Float32Array(1)]]))).toThrow(/"nothing"/);
    expect(() => patchWeights(model, new Map([[model.parameters[0]?.name ?? '', new Float32Array(1)]]))).toThrow(
      /256 numbers, not 1/,
    );
  });
});
