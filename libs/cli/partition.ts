import { type Dataset, splitByHash } from '#artifacts';

/**
 * Disjoint parts of about the given shares, which sum to 1, in the order of the rows' hashes: which rows a part gets does
 * not depend on the order of the file, and equal rows never come into two parts. Cuts by rank, not by the hash itself
 * as `splitByHash` does, since the file may be one part of such a split already.
 */
export function partition<Part extends string>(
  data: Dataset,
  shares: Readonly<Record<Part, number>>,
): Record<Part, Dataset> {
  const { all } = splitByHash(data, { all: 1 });
  let [end, share] = [0, 0];
  const parts = (Object.keys(shares) as Part[]).map((part) => {
    const start = end;
    share += shares[part];
    end = afterEqualRows(all, Math.max(start, Math.min(all.n, Math.round(share * all.n))));
    return [part, rowsBetween(all, start, end)] as const;
  });
  return Object.fromEntries(parts) as Record<Part, Dataset>;
}

/** A fair sample: which rows it takes depends on their contents alone. */
export function sample(data: Dataset, most: number | undefined): Dataset {
  if (most === undefined || most >= data.n) return data;
  return rowsBetween(splitByHash(data, { all: 1 }).all, 0, most);
}

function afterEqualRows({ x, n }: Dataset, at: number): number {
  const features = x.length / n;
  const equal = (a: number, b: number) => {
    for (let i = 0; i < features; i++) if (x[a * features + i] !== x[b * features + i]) return false;
    return true;
  };
  while (at > 0 && at < n && equal(at - 1, at)) at++;
  return at;
}

function rowsBetween(data: Dataset, start: number, end: number): Dataset {
  const features = data.x.length / data.n;
  return {
    ...data,
    n: end - start,
    x: data.x.subarray(start * features, end * features),
    y: data.y.subarray(start, end),
  };
}
