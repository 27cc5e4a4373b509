import { describe, expect, it } from '@jest/globals';
import { PayloadError } from '../errors.js';
import { encodeRequest } from './encode-request.js';
import { encodeResponse } from './encode-response.js';
import { requestRows } from './request.js';
import { responseClasses } from './response.js';

const bytes = (json: unknown) => Buffer.from(typeof json === 'string' ? json : JSON.stringify(json));
const iris = { dims: [4] };
const image = { dims: [1, 2, 3] };
const row = [0, 1, 2, 3, 4, 5];
const tensor = (over: object) => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4], ...over }],
});

/** A V2 body with binary tensors behind its JSON part. */
const binaryBody = (json: unknown, ...tensors: ArrayBufferView[]) =>
  Buffer.concat([bytes(json), ...tensors.map((t) => Buffer.from(t.buffer, t.byteOffset, t.byteLength))]);
const fieldOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof PayloadError) return error.field;
    throw error;
  }
  return 'accepted';
};

describe('requestRows', () => {
  it('reads V1 instances as KServe logs them', () => {
    const body = bytes('{"instances":[[6.8,2.8,4.8,1.4],[6.0,3.4,4.5,1.6]]}');
    expect(requestRows(body, iris)).toEqual({
      protocol: 'v1',
      rows: 2,
      x: Float32Array.of(6.8, 2.8, 4.8, 1.4, 6.0, 3.4, 4.5, 1.6),
    });
  });

  it('reads V2 inputs, flat or nested, with their id', () => {
    const flat = bytes(
      '{"id":"42","inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[6.8,2.8,4.8,1.4]}]}',
    );
    expect(requestRows(flat, iris)).toEqual({
      protocol: 'v2',
      id: '42',
      rows: 1,
      x: Float32Array.of(6.8, 2.8, 4.8, 1.4),
    });
    const nested = bytes({
      inputs: [
        {
          name: 'x',
          shape: [1, 1, 2, 3],
          datatype: 'UINT8',
          data: [
            [
              [
                [0, 1, 2],
                [3, 4, 5],
              ],
            ],
          ],
        },
      ],
    });
    expect(requestRows(nested, image)?.x).toEqual(Float32Array.from(row));
  });

  it.each([
    [[row]],
    [
      [
        [
          [
            [0, 1, 2],
            [3, 4, 5],
          ],
        ],
      ],
    ],
    [
      [
        [
          [0, 1, 2],
          [3, 4, 5],
        ],
      ],
    ],
  ])('takes rows flat, whole, or without axes of size 1: %j', (instances) => {
    expect(requestRows(bytes({ instances }), image)?.x).toEqual(Float32Array.from(row));
  });

  it('reads the binary extension without the header that tells where the JSON ends', () => {
    const inputs = [
      { name: 'x}"', shape: [2, 4], datatype: 'FP64', parameters: { binary_data_size: 64 } }, // a brace and a quote in a string
    ];
    const x = Float64Array.of(1, -2, 3.5, 4, 5, 6, 7, 8);
    expect(requestRows(binaryBody({ inputs }, x), iris)?.x).toEqual(Float32Array.from(x));
  });

  it.each<[string, ArrayBufferView]>([
    ['FP16', Uint16Array.of(0x3c00, 0xc000, 0x3555, 0x0001)], // 1, -2, about 1/3, the smallest subnormal
    ['INT64', BigInt64Array.of(1n, -2n, 3n, 4n)],
    ['UINT8', Uint8Array.of(0, 1, 254, 255)],
  ])('reads %s', (datatype, data) => {
    const inputs = [{ name: 'x', shape: [1, 4], datatype, parameters: { binary_data_size: data.byteLength } }];
    const expected: Record<string, number[]> = {
      FP16: [1, -2, 0.333251953125, 2 ** -24],
      INT64: [1, -2, 3, 4],
      UINT8: [0, 1, 254, 255],
    };
    expect(Array.from(requestRows(binaryBody({ inputs }, data), iris)!.x)).toEqual(expected[datatype]);
  });

  it.each(['', '{"live":true}', '[1,2]', 'not json', '{"instances":[[1,2', '\x1f', '{"name":"fraud","ready":true}'])(
    'sees that %j is no inference request',
    (body) => {
      expect(requestRows(bytes(body), iris)).toBeUndefined();
    },
  );

  it.each<[string, unknown]>([
    ['instances', { instances: 'x' }],
    ['instances', { instances: [] }],
    ['instances', { instances: [[1, 2, 3]] }],
    ['instances', { instances: Array.from({ length: 10_001 }, () => [1, 2, 3, 4]) }],
    [
      'instances[1]',
      {
        instances: [
          [1, 2, 3, 4],
          [1, 2, 3],
        ],
      },
    ],
    ['instances[1]', { instances: [[1, 2, 3, 4], 7] }],
    ['instances[0][2]', { instances: [[1, 2, 'a', 4]] }],
    ['instances[0][2]', { instances: [[1, 2, null, 4]] }],
    ['instances[0][0]', '{"instances":[[1e999,2,3,4]]}'],
    ['instances[0][0]', '{"instances":[[1e39,2,3,4]]}'], // finite, but not as float32
    ['inputs', { inputs: [] }],
    ['inputs', { inputs: 'x' }],
    ['inputs', { inputs: [...tensor({}).inputs, ...tensor({}).inputs] }],
    ['inputs', tensor({ datatype: 'BYTES', data: ['a'] })],
    ['inputs[0].name', tensor({ name: 7 })],
    ['inputs[0].datatype', tensor({ datatype: 'toString' })],
    ['inputs[0].shape', tensor({ shape: [2, 4] })],
    ['inputs[0].shape', tensor({ shape: [1, 2, 2] })],
    ['inputs[0].shape', tensor({ shape: [-1, 4] })],
    ['inputs[0].shape', tensor({ shape: [2 ** 40, 2 ** 40] })],
    ['inputs[0].shape', tensor({ shape: [4] })],
    ['inputs[0].data', tensor({ data: 'x' })],
    [
      'inputs[0].data',
      tensor({
        data: [
          [1, 2],
          [3, 4],
        ],
      }),
    ],
    ['inputs[0].data[3]', tensor({ data: [1, 2, 3, {}] })],
    ['inputs[0]', tensor({ data: undefined, parameters: { binary_data_size: 16 } })],
    ['inputs[0].parameters.binary_data_size', tensor({ parameters: { binary_data_size: -1 } })],
    ['id', { id: 7, ...tensor({}) }],
  ])('names %s when it is wrong', (field, body) => {
    expect(fieldOf(() => requestRows(bytes(body), iris))).toBe(field);
  });

  it('refuses NaN in binary data, and binary data of another size than the shape asks for', () => {
    const inputs = [{ name: 'x', shape: [1, 4], datatype: 'FP32', parameters: { binary_data_size: 16 } }];
    expect(fieldOf(() => requestRows(binaryBody({ inputs }, Float32Array.of(1, 2, 3, NaN)), iris))).toBe(
      'inputs[0].data',
    );
    const short = [{ ...inputs[0], parameters: { binary_data_size: 12 } }];
    expect(fieldOf(() => requestRows(binaryBody({ inputs: short }, Float32Array.of(1, 2, 3)), iris))).toBe(
      'inputs[0].shape',
    );
  });

  it('reads back what encodeRequest writes', () => {
    for (const protocol of ['v1', 'v2'] as const) {
      const request = {
        protocol,
        rows: 2,
        x: Float32Array.from([...row, ...row], (v) => v / 7),
        ...(protocol === 'v2' && { id: 'a' }),
      };
      expect(requestRows(bytes(encodeRequest(request, image)), image)).toEqual(request);
    }
  });
});

describe('responseClasses', () => {
  it.each<[string, unknown, number[]]>([
    ['class indices', { predictions: [1, 1] }, [1, 1]],
    ['with the batcher in front', { message: '', batchId: 'b', predictions: [2] }, [2]],
    ['class indices in arrays of one', { predictions: [[1], [0]] }, [1, 0]],
    [
      'scores',
      {
        predictions: [
          [0.1, 0.9],
          [3, -1],
        ],
      },
      [1, 0],
    ],
    ['equal scores', { predictions: [[0.5, 0.5]] }, [0]],
  ])('reads V1 predictions: %s', (_, body, classes) => {
    expect(responseClasses(bytes(body))).toEqual({ protocol: 'v1', classes: Int32Array.from(classes) });
  });

  it('reads V2 outputs: class indices', () => {
    const body =
      '{"model_name":"fraud","model_version":"1","id":"42","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[1]}]}';
    expect(responseClasses(bytes(body))).toEqual({ protocol: 'v2', id: '42', classes: Int32Array.of(1) });
  });

  it('takes scores before labels, which need not be indices', () => {
    const outputs = [
      { name: 'output_label', datatype: 'INT64', shape: [2], data: [7, 9] },
      { name: 'text', datatype: 'BYTES', shape: [2], data: ['seven', 'nine'] },
      { name: 'probabilities', datatype: 'FP32', shape: [2, 2], data: [0.9, 0.1, 0.2, 0.8] },
    ];
    expect(Array.from(responseClasses(bytes({ outputs }))!.classes)).toEqual([0, 1]);
  });

  it('reads binary outputs behind a text tensor', () => {
    const outputs = [
      { name: 'text', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 5 } },
      { name: 'scores', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } },
    ];
    const body = binaryBody({ outputs }, Uint8Array.of(1, 0, 0, 0, 65), Float32Array.of(-1, -3, -0.5));
    expect(Array.from(responseClasses(body)!.classes)).toEqual([2]);
  });

  it.each(['', '{"ready":true}', '{"error":"no"}', 'oops'])('sees that %j is no inference response', (body) => {
    expect(responseClasses(bytes(body))).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ['predictions', { predictions: [] }],
    ['predictions', { predictions: 1 }],
    ['predictions[0]', { predictions: ['cat'] }],
    ['predictions[1]', { predictions: [[1, 2], [1]] }],
    ['predictions, row 0,', { predictions: [0.7] }],
    ['predictions, row 0,', { predictions: [-1] }],
    ['outputs', { outputs: [{ name: 't', datatype: 'BYTES', shape: [1], data: ['a'] }] }],
    ['outputs[0].shape', { outputs: [{ name: 't', datatype: 'FP32', shape: [3], data: [1] }] }],
  ])('names %s when it is wrong', (field, body) => {
    expect(fieldOf(() => responseClasses(bytes(body)))).toBe(field);
  });

  it('reads back what encodeResponse writes', () => {
    const scores = {
      model: 'm',
      version: 'r1',
      tensor: 'logits',
      dims: [2, 3],
      data: Float32Array.of(0, 2, 1, 5, 0, 0),
    };
    for (const protocol of ['v1', 'v2'] as const) {
      expect(Array.from(responseClasses(bytes(encodeResponse({ protocol, ...scores })))!.classes)).toEqual([1, 0]);
    }
  });
});
