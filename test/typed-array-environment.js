import { TestEnvironment } from 'jest-environment-node';

const names = [
  'Float32Array',
  'Float64Array',
  'Int8Array',
  'Int32Array',
  'Uint16Array',
  'Uint32Array',
  'BigInt64Array',
  'BigUint64Array',
];

/** onnxruntime-node makes tensors of the main realm's typed arrays and checks them with `instanceof`: tests must see the same classes. */
export default class TypedArrayEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const name of names) this.global[name] = globalThis[name];
  }
}
