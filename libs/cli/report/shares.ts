import type { Proportion } from '#change-detection';

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** With its 95 % interval. */
export const interval = ({ value, low, high }: Proportion): string =>
  `${percent(value).padStart(7)}  (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
