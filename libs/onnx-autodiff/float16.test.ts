import { beforeAll, describe, expect, it } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeDocument } from './file/document.js';
import { fromHalf, toHalf } from './float16.js';
import { uniformStream } from './random.js';

/** ONNX Runtime's own conversion. */
async function cast(data: Float32Array | Uint16Array): Promise<ArrayLike<number>> {
  const [from, to] = data instanceof Float32Array ? (['float32', 10] as const) : (['float16', 1] as const);
  const file = encodeDocument({
    opset: 17,
    inputs: [{ name: 'x', type: from, dims: [data.length] }],
    outputs: [{ name: 'y', type: to === 1 ? 'float32' : 'float16', dims: [data.length] }],
    nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['y'], attributes: { to } }],
    constants: new Map(),
  });
  const session = await InferenceSession.create(file);
  const { y } = await session.run({ x: new Tensor(from, data, [data.length]) });
  await session.release();
  const { buffer, byteOffset, length } = y!.data as Float32Array;
  return to === 1 ? (y!.data as Float32Array) : new Uint16Array(buffer, byteOffset, length);
}

const everyBits = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

describe('float16', () => {
  let numbers: Float32Array;
  beforeAll(async () => {
    numbers = Float32Array.from(await cast(everyBits));
  });

  it('reads all 65,536 numbers as ONNX Runtime does', () => {
    expect(everyBits.findIndex((bits) => !Object.is(fromHalf(bits), numbers[bits]))).toBe(-1);
  });

  it('writes every number as it was', () => {
    const wrong = everyBits.filter((bits) => !Number.isNaN(numbers[bits]) && toHalf(numbers[bits]!) !== bits);
    expect(wrong).toHaveLength(0);
    expect(fromHalf(toHalf(NaN))).toBeNaN();
  });

  it('rounds as ONNX Runtime does: ties, subnormal numbers, both signs', async () => {
    const random = uniformStream(1);
    const ties = Array.from({ length: 0x7bff }, (_, bits) => (numbers[bits]! + numbers[bits + 1]!) / 2);
    const others = Array.from({ length: 20_000 }, () => (random() - 0.5) * 2 ** (random() * 44 - 27));
    const values = Float32Array.from([...ties, ...ties.map((tie) => -tie), ...others]);
    const expected = await cast(values);
    expect(Array.from(values).filter((value, i) => toHalf(value) !== expected[i])).toEqual([]);
  });

  it('writes what is too large as the largest number', () => {
    expect([7e4, -1e30, 65520].map((value) => fromHalf(toHalf(value)))).toEqual([65504, -65504, 65504]);
    expect([Infinity, -Infinity].map((value) => fromHalf(toHalf(value)))).toEqual([Infinity, -Infinity]);
  });
});
