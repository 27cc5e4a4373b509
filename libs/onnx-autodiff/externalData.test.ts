import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { MalformedModelError } from './errors.js';
import { type ReadExternal, withExternalData } from './externalData.js';
import { encodeAttribute } from './file/attributes.js';
import { ModelProtoSchema, NodeProtoSchema, type TensorProto } from './file/generated/onnx_pb.js';
import { bytesField, concatenated } from './file/wire.js';
import { ModelBuilder } from './modelBuilder.js';
import { parseModel } from './parseModel.js';

const utf8 = new TextEncoder();

/** Moves a tensor's bytes out: unknown fields are written after the known ones. */
function moveOut(tensor: TensorProto, entries: Readonly<Record<string, string>>): Uint8Array {
  const raw = tensor.rawData ?? new Uint8Array();
  delete tensor.rawData;
  tensor.dataLocation = 1;
  tensor.$unknown = Object.entries(entries).map(([key, value]) => ({
    no: 13,
    wireType: 2,
    data: (() => {
      const entry = concatenated([bytesField(1, utf8.encode(key)), bytesField(2, utf8.encode(value))]);
      return bytesField(13, entry).subarray(1); // without the tag
    })(),
  }));
  return raw;
}

/** A reader of the one file that there is. */
const partOf =
  (file: Uint8Array): ReadExternal =>
  ({ offset, length }) =>
    Promise.resolve(file.subarray(offset, offset + length));

const inside = new ModelBuilder({ input: [3], seed: 1 }).dense(4).relu().dense(2).build();

/** The model with all tensors in "weights", but for what `change` says of the first; and the contents of that file. */
function outside(change: Readonly<Record<string, string | undefined>> = {}) {
  const model = fromBinary(ModelProtoSchema, inside);
  let offset = 0;
  const parts = model.graph!.initializer.map((tensor, i) => {
    const length = tensor.rawData?.length ?? 0;
    const entries = { location: 'weights', offset: String(offset), length: String(length), ...(i === 0 && change) };
    offset += length;
    return moveOut(tensor, Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)));
  });
  return { file: toBinary(ModelProtoSchema, model), weights: concatenated(parts) };
}

describe('withExternalData', () => {
  it('gives back a file that has all its numbers inside, and reads nothing', async () => {
    expect(await withExternalData(inside, () => Promise.reject(new Error('no')))).toBe(inside);
  });

  it('puts the numbers inside and changes nothing else', async () => {
    const { file, weights } = outside();
    const whole = await withExternalData(file, partOf(weights));
    expect(Buffer.from(whole).equals(inside)).toBe(true);
  });

  it('reads from the start as many numbers as the shape says, where nothing else is said', async () => {
    const { file, weights } = outside({ offset: undefined, length: undefined });
    expect(Buffer.from(await withExternalData(file, partOf(weights))).equals(inside)).toBe(true);
  });

  it('reads those of Constant nodes too', async () => {
    const model = fromBinary(ModelProtoSchema, inside);
    const constant = create(NodeProtoSchema, {
      opType: 'Constant',
      output: ['factor'],
      attribute: [encodeAttribute('value', { type: 'float32', dims: [2], data: Float32Array.of(2, 3) })],
    });
    const weights = moveOut(constant.attribute[0]!.t!, { location: 'a/b' });
    const last = model.graph!.node.at(-1)!;
    last.output = ['before'];
    const product = create(NodeProtoSchema, { opType: 'Mul', input: ['before', 'factor'], output: ['logits'] });
    model.graph!.node.push(constant, product);
    const whole = await withExternalData(toBinary(ModelProtoSchema, model), partOf(weights));
    expect(parseModel(whole).parameters.find(({ name }) => name === 'factor')?.data).toEqual(Float32Array.of(2, 3));
  });

  it.each([
    [{ offset: '200' }, /bytes 200 to 248 of "weights", which ends 48 bytes before/],
    [{ length: '1000' }, /bytes 0 to 1000 .* ends 896 bytes before/],
    [{ length: '99999999999' }, /at most 2147483647/],
    [{ offset: '-1' }, /the offset "-1"/],
    [{ length: 'many' }, /the length "many"/],
    [{ location: undefined }, /does not say which file/],
  ])('refuses %p', async (change, message) => {
    const { file, weights } = outside(change);
    const error = await withExternalData(file, partOf(weights)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MalformedModelError);
    expect((error as Error).message).toMatch(message);
  });

  it('lets the reader of the model refuse a length that does not fit the shape', async () => {
    const { file, weights } = outside({ length: '44' });
    const whole = await withExternalData(file, partOf(weights));
    expect(() => parseModel(whole)).toThrow(/should have 48 bytes but has 44/);
  });

  it('is what services miss: they read one file', () => {
    expect(() => parseModel(outside().file)).toThrow(/stored outside the file/);
  });
});
