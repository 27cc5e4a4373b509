import { DatasetError } from './errors.js';

export type NpyData = Float32Array | Float64Array | Uint8Array | Int32Array | BigInt64Array;

export interface NpyArray {
  shape: readonly number[];
  data: NpyData;
}

/** NumPy's names of the element types that are read and written, all little-endian. */
const DTYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '|u1': Uint8Array,
  '<i4': Int32Array,
  '<i8': BigInt64Array,
} as const;

const MAGIC = '\x93NUMPY';
const HEADER_ALIGNMENT = 64;

/** Format: numpy.lib.format, versions 1 to 3. */
export function parseNpy(bytes: Uint8Array, file: string, field: string): NpyArray {
  const fail = (problem: string) => new DatasetError(file, field, problem);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 12 || buffer.toString('latin1', 0, 6) !== MAGIC) throw fail('is not a NumPy array');
  const wide = buffer.readUInt8(6) > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8));
  if (end > buffer.length) throw fail('is truncated');
  const header = buffer.toString('latin1', start, end);

  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const type = DTYPES[descr as keyof typeof DTYPES];
  if (!type) {
    const known = Object.keys(DTYPES).join(', ');
    throw fail(`has element type ${descr ?? 'object or record'}; these are read: ${known}`);
  }
  if (!/'fortran_order'\s*:\s*False/.test(header)) {
    throw fail('is in Fortran order; save np.ascontiguousarray(array) instead');
  }
  const shape = parseShape(header);
  if (!shape) throw fail('has an unreadable shape');
  const count = shape.reduce((product, size) => product * size, 1);
  const size = count * type.BYTES_PER_ELEMENT;
  if (size !== buffer.length - end) {
    throw fail(`holds ${buffer.length - end} bytes, but shape (${shape.join(', ')}) needs ${size}`);
  }
  const aligned = new Uint8Array(bytes.subarray(end)); // a copy: element types need an aligned start
  return { shape, data: new type(aligned.buffer, 0, count) };
}

function parseShape(header: string): number[] | undefined {
  const list = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(header)?.[1];
  return list
    ?.split(',')
    .map((part) => part.trim().replace(/L$/, ''))
    .filter((part) => part !== '')
    .map(Number);
}

export function encodeNpy({ shape, data }: NpyArray): Uint8Array {
  const [descr] = Object.entries(DTYPES).find(([, type]) => data instanceof type)!;
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const length = Math.ceil((10 + text.length + 1) / HEADER_ALIGNMENT) * HEADER_ALIGNMENT - 10;
  const prefix = Buffer.alloc(10);
  prefix.write(MAGIC, 'latin1');
  prefix.writeUInt8(1, 6);
  prefix.writeUInt16LE(length, 8);
  const header = Buffer.from(`${text.padEnd(length - 1)}\n`, 'latin1');
  return Buffer.concat([prefix, header, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}
