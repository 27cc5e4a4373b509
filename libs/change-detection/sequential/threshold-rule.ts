import type { Detector } from './detector.js';

/** Sums of consecutive blocks of the last values. */
export interface ThresholdState {
  /** Values per block: 1 up to a window of 500, so that the mean is exact; longer windows move on in steps of a block. */
  block: number;
  /** Full blocks, oldest first. */
  sums: number[];
  /** The block that is being filled. */
  sum: number;
  count: number;
}

const MAX_BLOCKS = 500;

/**
 * The plain rule: alarm when the mean of the last `window` values is above `above`, e.g. an error above .1 = an accuracy below .9. It promises
 * nothing about false alarms. Silent until the window is full.
 */
export function thresholdRule({ above, window }: { above: number; window: number }): Detector<ThresholdState> {
  if (!(Number.isInteger(window) && window > 0)) throw new RangeError(`window is ${window}; it must be 1 or more rows`);
  const block = Math.ceil(window / MAX_BLOCKS);
  const blocks = Math.ceil(window / block);
  return {
    open: () => ({ block, sums: [], sum: 0, count: 0 }),
    update: (state, x) => {
      const [sum, count] = [state.sum + x, state.count + 1];
      if (count < block) return { ...state, sum, count };
      return { block, sums: [...state.sums, sum].slice(-blocks), sum: 0, count: 0 };
    },
    level: ({ sums }) => {
      if (sums.length < blocks) return 0;
      const mean = sums.reduce((total, sum) => total + sum, 0) / (blocks * block);
      if (mean > above) return 1;
      return above > 0 ? Math.min(0.999, mean / above) : 0;
    },
  };
}
