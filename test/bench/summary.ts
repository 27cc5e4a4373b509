import type { Measure } from './bench.js';

export interface Summary {
  what: string;
  unit: string;
  /** Null: in half of the runs or more it did not happen. */
  median: number | null;
  /** Of the runs in which it happened. */
  min: number | null;
  max: number | null;
  runs: number;
  happened: number;
}

/** What did not happen counts as later than everything else, so that hard cases do not make the median better. */
export function summarize({ what, unit, values }: Measure): Summary {
  const sorted = values.map((value) => value ?? Infinity).sort((a, b) => a - b);
  const happened = sorted.filter(Number.isFinite);
  return {
    what,
    unit,
    median: finite(medianOf(sorted)),
    min: happened[0] ?? null,
    max: happened.at(-1) ?? null,
    runs: values.length,
    happened: happened.length,
  };
}

/** Of sorted values; NaN of none. */
function medianOf(sorted: readonly number[]): number {
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  return sorted.length % 2 ? upper : ((sorted[sorted.length / 2 - 1] ?? NaN) + upper) / 2;
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
