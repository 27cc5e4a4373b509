import { encodeNpy, type NpyArray, parseNpy } from './npy.js';
import { readZip, writeZip } from './zip.js';

const MAX_UNPACKED_BYTES = 2 ** 30;

/** The arrays of a file that `np.savez` or `np.savez_compressed` wrote, by name. */
export function readNpz(bytes: Uint8Array, file: string, maxBytes = MAX_UNPACKED_BYTES): Map<string, NpyArray> {
  const entries = [...readZip(bytes, file, maxBytes)].filter(([name]) => name.endsWith('.npy'));
  return new Map(
    entries.map(([entry, content]) => {
      const name = entry.slice(0, -'.npy'.length);
      return [name, parseNpy(content, file, name)];
    }),
  );
}

/** Deflated, without timestamps: equal arrays give equal bytes (on one version of zlib). */
export function writeNpz(arrays: Readonly<Record<string, NpyArray>>): Uint8Array {
  return writeZip(new Map(Object.entries(arrays).map(([name, array]) => [`${name}.npy`, encodeNpy(array)])));
}
