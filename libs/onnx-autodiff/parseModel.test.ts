import { describe, expect, it } from '@jest/globals';
import { loadClassifier } from './classifier.js';
import { MalformedModelError, UnsupportedModelError } from './errors.js';
import { encodeDocument, type Document, type DocumentNode } from './file/document.js';
import { ModelBuilder } from './modelBuilder.js';
import { ortExecutor } from './ortExecutor.js';
import { parseModel } from './parseModel.js';
import { elements, type Tensor } from './tensor.js';

const executor = ortExecutor({ threads: 1 });
const node = (op: string, inputs: string[], outputs: string[], attributes = {}): DocumentNode => ({
  op,
  inputs,
  outputs,
  attributes,
});
const integers = (...values: number[]): Tensor => ({
  type: 'int64',
  dims: [values.length],
  data: elements('int64', values),
});

function file(
  nodes: DocumentNode[],
  changes: Partial<Document> = {},
  constants: Record<string, Tensor> = {},
): Uint8Array {
  return encodeDocument({
    opset: 17,
    inputs: [{ name: 'x', type: 'float32', dims: ['N', 3] }],
    outputs: [{ name: 'y', type: 'float32', dims: ['N', 3] }],
    nodes,
    constants: new Map(Object.entries(constants)),
    ...changes,
  });
}

function failure(bytes: Uint8Array): Error {
  try {
    parseModel(bytes);
  } catch (error) {
    return error as Error;
  }
  throw new Error('the file was accepted');
}

const relu = node('Relu', ['x'], ['y']);

describe('parseModel', () => {
  it('names the operation, the node and the opset that it cannot differentiate, and what to do', () => {
    const error = failure(file([node('RoiAlign', ['x'], ['y'])]));
    expect(error).toBeInstanceOf(UnsupportedModelError);
    expect(error).toMatchObject({ op: 'RoiAlign', node: 'y', opset: 17 });
    expect(error.message).toMatch(/RoiAlign.*"y".*opset 17.*replace it/);
    expect(failure(file([node('QLinearConv', ['x'], ['y'])])).message).toMatch(/harden the float32 model/);
    expect(failure(file([node('Loop', ['x'], ['y'])])).message).toMatch(/without control flow/);
  });

  it.each([
    ['an opset that is too old', file([relu], { opset: 5 }), /opset 5 .*from 7/],
    [
      'two inputs',
      file([relu], { inputs: ['x', 'z'].map((name) => ({ name, type: 'float32', dims: [1] })) }),
      /one input.*2 \(x, z\)/,
    ],
    ['integer input', file([relu], { inputs: [{ name: 'x', type: 'int64', dims: [1] }] }), /should be float32/],
    ['input of no shape', file([relu], { inputs: [{ name: 'x', type: 'float32' }] }), /no shape/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(failure(bytes)).toBeInstanceOf(UnsupportedModelError);
    expect(failure(bytes).message).toMatch(message);
  });

  it.each([
    [
      'a cycle',
      file([node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('Relu', ['b'], ['y'])]),
      /uses "b", which nothing before it/,
    ],
    ['a name computed twice', file([relu, relu]), /"y" is computed twice/],
    ['a missing output', file([node('Relu', ['x'], ['z'])]), /no node computes the output "y"/],
    ['no output', file([relu], { outputs: [] }), /no output/],
    ['an empty file', new Uint8Array(0), /which opset/],
    ['text', new TextEncoder().encode('<!DOCTYPE html><html>'), /not a valid ONNX model/],
    [
      'a weight shorter than its shape',
      file([relu], {}, { w: { type: 'float32', dims: [4], data: new Float32Array(3) } }),
      /"w" should have 16 bytes but has 12/,
    ],
    [
      'a weight of absurd shape',
      file([relu], {}, { w: { type: 'float32', dims: [2 ** 40, 2 ** 40], data: new Float32Array(3) } }),
      /absurd shape/,
    ],
    [
      'an attribute of the wrong kind',
      file([node('Softmax', ['x'], ['y'], { axis: 'last' })], { opset: 11 }),
      /"axis" of a Softmax node should be a number/,
    ],
  ])('says what is wrong with %s', (_what, bytes, message) => {
    expect(failure(bytes)).toBeInstanceOf(MalformedModelError);
    expect(failure(bytes).message).toMatch(message);
  });

  it('reads weights from Constant nodes, and leaves settings and statistics out of the parameters', () => {
    const vector: Tensor = { type: 'float32', dims: [3], data: Float32Array.of(1, 2, 3) };
    const { parameters, statistics } = parseModel(
      file(
        [
          node('Constant', [], ['w'], { value: vector }),
          node('Mul', ['x', 'w'], ['a']),
          node('BatchNormalization', ['a', 'scale', 'bias', 'mean', 'variance'], ['b']),
          node('Clip', ['b', 'low'], ['y']),
        ],
        {},
        {
          scale: vector,
          bias: vector,
          mean: vector,
          variance: vector,
          low: { type: 'float32', dims: [], data: Float32Array.of(0) },
        },
      ),
    );
    expect(parameters.map(({ name }) => name)).toEqual(['w', 'scale', 'bias']);
    expect(statistics.map(({ name }) => name)).toEqual(['mean', 'variance']);
  });
});

describe('loadClassifier', () => {
  const load = (bytes: Uint8Array) => loadClassifier(parseModel(bytes), { batch: 2, executor });

  it.each([
    [
      'a tensor that fills memory',
      file(
        [node('ConstantOfShape', ['s'], ['c']), node('Mul', ['x', 'c'], ['y'])],
        {},
        { s: integers(1_000_000, 100_000, 1, 3) },
      ),
      /too large to run/,
    ],
    ['absurd pads', file([node('Pad', ['x', 'p'], ['y'])], {}, { p: integers(0, 0, 0, 2 ** 40) }), /too large to run/],
    [
      'growth by repetition',
      file(
        [...Array(29).keys()].map((i) =>
          node('Concat', [i ? `a${i}` : 'x', i ? `a${i}` : 'x'], [i === 28 ? 'y' : `a${i + 1}`], { axis: 1 }),
        ),
      ),
      /too large to run/,
    ],
  ])('does not run %s', async (_what, bytes, message) => {
    await expect(load(bytes)).rejects.toThrow(message);
    await expect(load(bytes)).rejects.toBeInstanceOf(MalformedModelError);
  });

  it.each([
    [
      'whose input sizes are not fixed',
      file([relu], { inputs: [{ name: 'x', type: 'float32', dims: ['N', 'M'] }] }),
      /axis 1 of the input "x" has no fixed size/,
    ],
    [
      'whose rows get mixed',
      file([node('Reshape', ['x', 's'], ['y'])], {}, { s: integers(-1) }),
      /scores of shape \[batch, classes\]/,
    ],
    [
      'that ONNX Runtime refuses',
      file(
        [node('MatMul', ['x', 'w'], ['y'])],
        {},
        { w: { type: 'float32', dims: [2, 2], data: new Float32Array(4) } },
      ),
      /does not run on input "x" \[2, 3\]/,
    ],
    [
      'with a gradient that is not written',
      file(
        [node('Pow', ['w', 'x'], ['y'])],
        {},
        { w: { type: 'float32', dims: [3], data: new Float32Array(3).fill(1) } },
      ),
      /Pow node "y": an exponent.*opset 17/,
    ],
  ])('refuses a model %s', async (_what, bytes, message) => {
    await expect(load(bytes)).rejects.toThrow(message);
    await expect(load(bytes)).rejects.toBeInstanceOf(UnsupportedModelError);
  });

  it('unrolls a recurrent layer, whose weights are parameters', async () => {
    const weight = (...dims: number[]): Tensor => ({
      type: 'float32',
      dims,
      data: new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1),
    });
    const bytes = file(
      [
        node('Transpose', ['x'], ['steps'], { perm: [1, 0, 2] }),
        node('LSTM', ['steps', 'w', 'r', 'b'], ['', 'last'], { hidden_size: 4 }),
        node('Squeeze', ['last', 'direction'], ['y']),
      ],
      { inputs: [{ name: 'x', type: 'float32', dims: ['N', 6, 2] }] },
      { w: weight(1, 16, 2), r: weight(1, 16, 4), b: weight(1, 32), direction: integers(0) },
    );
    const classifier = await load(bytes);
    expect(classifier).toMatchObject({ batch: 2, classes: 4 });
    expect([...classifier.parameters.keys()]).toEqual(['w', 'r', 'b']);
  });

  it('does not unroll what it would compute otherwise', async () => {
    const weights = { w: [1, 2, 3], r: [1, 2, 2] };
    const constants = Object.fromEntries(
      Object.entries(weights).map(([name, dims]): [string, Tensor] => [
        name,
        { type: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) },
      ]),
    );
    const rnn = node('RNN', ['x', 'w', 'r'], ['', 'y'], { hidden_size: 2, activations: ['Relu'] });
    const bytes = file([rnn], { inputs: [{ name: 'x', type: 'float32', dims: ['N', 5, 3] }] }, constants);
    await expect(load(bytes)).rejects.toThrow(/RNN node "y": the attribute activations is not supported/);
    await expect(load(bytes)).rejects.toMatchObject({ op: 'RNN', opset: 17 });
  });

  it('follows shapes that are computed in the graph', async () => {
    const net = new ModelBuilder({ input: [2, 4, 4], seed: 1 }).convolution(3, { kernel: 3 });
    expect((await load(net.flatten().dense(5).build())).classes).toBe(5);
    const dynamic = file(
      [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'zero'], ['rows'], { axis: 0 }),
        node('Unsqueeze', ['rows', 'axes'], ['rows1']),
        node('Concat', ['rows1', 'rest'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
      { inputs: [{ name: 'x', type: 'float32', dims: ['N', 3, 2] }] },
      { zero: { type: 'int64', dims: [], data: BigInt64Array.of(0n) }, axes: integers(0), rest: integers(-1) },
    );
    expect(await load(dynamic)).toMatchObject({ batch: 2, classes: 6 });
  });
});
