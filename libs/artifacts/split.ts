import { createHash } from 'node:crypto';

import type { Dataset } from './dataset.js';

/** 2 ** 48: six bytes of the hash are a fraction that a double holds exactly. */
const FRACTION_SCALE = 2 ** 48;

/**
 * Cuts a dataset into disjoint parts of about the given shares (they sum to at most 1; what is left over is in no part).
 * A row's part depends on the SHA-256 of its own bytes alone: equal rows are never in two parts, and a row stays in its
 * part when others are added, removed or reordered. Rows of a part come in the order of their hashes, so the order of
 * the file, often sorted by class, means nothing. The parts lie in the order of the keys of `shares`: another order is another split.
 */
export function splitByHash<Part extends string>(
  data: Dataset,
  shares: Readonly<Record<Part, number>>,
): Record<Part, Dataset> {
  const names = Object.keys(shares) as Part[];
  const bounds = cumulative(names.map((name) => shares[name]));
  const rows = Array.from({ length: data.n }, (_, row) => ({ row, fraction: hashFraction(data, row) }));
  rows.sort((a, b) => a.fraction - b.fraction || a.row - b.row);
  const parts = names.map((name, part) => {
    const [from, to] = [part === 0 ? 0 : bounds[part - 1]!, bounds[part]!];
    const members = rows.filter(({ fraction }) => fraction >= from && fraction < to);
    return [
      name,
      pickRows(
        data,
        members.map(({ row }) => row),
      ),
    ] as const;
  });
  return Object.fromEntries(parts) as Record<Part, Dataset>;
}

/** The given rows, in the given order. */
export function pickRows(data: Dataset, rows: readonly number[]): Dataset {
  const features = data.x.length / data.n;
  const x = new Float32Array(rows.length * features);
  rows.forEach((row, i) => x.set(data.x.subarray(row * features, (row + 1) * features), i * features));
  return { ...data, x, y: Int32Array.from(rows, (row) => data.y[row]!), n: rows.length };
}

function hashFraction(data: Dataset, row: number): number {
  const rowBytes = data.x.byteLength / data.n;
  const bytes = new Uint8Array(data.x.buffer, data.x.byteOffset + row * rowBytes, rowBytes);
  return createHash('sha256').update(bytes).digest().readUIntBE(0, 6) / FRACTION_SCALE;
}

function cumulative(shares: readonly number[]): number[] {
  let sum = 0;
  const bounds = shares.map((share) => {
    if (!(share > 0)) throw new RangeError(`each share of a split must be above 0, got ${share}`);
    return (sum += share);
  });
  if (sum > 1 + 1e-9) throw new RangeError(`the shares of a split sum to ${sum}, more than 1`);
  return bounds;
}
