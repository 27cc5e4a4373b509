import { findTensorFlow, loadTensorFlow, type NativeBackend, type TensorFlow } from '../native.js';

/** The engine, or a failure: what needs it is never skipped. */
export function engine(): TensorFlow {
  const folder = findTensorFlow();
  if (folder === undefined) throw new Error('the TensorFlow engine is not set up: npm run setup:tensorflow');
  return loadTensorFlow(folder);
}

/** Counts what libtensorflow itself is asked to do during `work`. */
export async function nativeCalls(tf: TensorFlow, work: () => Promise<unknown>): Promise<Map<string, number>> {
  const backend = tf.backend() as { binding: NativeBackend['binding'] };
  const { binding } = backend;
  const calls = new Map<string, number>();
  // The binding's own properties cannot be replaced.
  backend.binding = new Proxy({} as typeof binding, {
    get: (_target, key: keyof typeof binding) => {
      const value: unknown = binding[key];
      if (String(key) !== 'executeOp') return value;
      return (operation: string, ...rest: unknown[]): unknown => {
        calls.set(operation, (calls.get(operation) ?? 0) + 1);
        return (value as (...all: unknown[]) => unknown)(operation, ...rest);
      };
    },
  });
  try {
    await work();
  } finally {
    backend.binding = binding;
  }
  return calls;
}
