import { own } from './own.js';

/** How many values of each signal have been seen. */
export type Counts = Record<string, number>;

export function counted(counts: Counts, names: Iterable<string>): Counts {
  const next = { ...counts };
  for (const name of names) next[name] = (own(next, name) ?? 0) + 1;
  return next;
}

/**
 * Rows behind these values. A row says at most one value of each signal, but says them in several samples (its label comes later), so
 * the most frequent signal counts the rows: the label-free ones where a collector examines the traffic, the labels where nothing else comes.
 */
export const rowsOf = (counts: Counts): number => Math.max(0, ...Object.values(counts));
