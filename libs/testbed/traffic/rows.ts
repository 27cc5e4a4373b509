import { random, type Dataset } from '#adversarial';

/** One row on its way to the model. */
export interface TrafficRow {
  /** Its place in the dataset. */
  index: number;
  x: Float32Array;
  label: number;
  kind: 'clean' | 'attack' | 'drift';
}

/** An endless supply of rows. It never waits: whatever takes long is computed beforehand. */
export interface RowSource {
  next(): TrafficRow;
}

/** All rows in random order, then all of them in another order, and so on. */
export function shuffledRows(data: Dataset, seed: number): RowSource {
  const stream = random(seed);
  const features = data.x.length / data.n;
  const order = Int32Array.from({ length: data.n }, (_, i) => i);
  let left = 0;
  return {
    next() {
      if (left === 0) left = data.n;
      const at = Math.floor(stream.next() * left--); // Fisher and Yates, one swap at a time
      const index = order[at]!;
      [order[at], order[left]] = [order[left]!, index];
      const x = data.x.subarray(index * features, (index + 1) * features);
      return { index, x, label: data.y[index]!, kind: 'clean' };
    },
  };
}

/** A random share of the rows of `source`, changed. */
export function someChanged(
  source: RowSource,
  { fraction, seed }: { fraction: number; seed: number },
  change: (row: TrafficRow) => TrafficRow,
): RowSource {
  const stream = random(seed);
  return {
    next() {
      const row = source.next();
      return stream.next() < fraction ? change(row) : row;
    },
  };
}
