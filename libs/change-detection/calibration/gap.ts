import { quantile } from '../aim/split.js';
import type { TestCondition } from './choose-split.js';

/** An attack that costs less accuracy than a fifth says nothing about the power against one that matters. */
const COSTLY = 0.8;

export const NO_COSTLY_ATTACK =
  'no attack costs the model a fifth of its accuracy, so the power of the test is unknown';

export const costlyAttacks = <C extends Pick<TestCondition, 'role' | 'accuracy'>>(
  conditions: readonly C[],
  cleanAccuracy: number,
): C[] =>
  conditions.filter(
    ({ role, accuracy }) => role === 'attack' && accuracy !== null && accuracy < COSTLY * cleanAccuracy,
  );

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Smallest distance to the clean mean at which the drift process decides within some thousand requests. */
const VISIBLE = 0.035;

/**
 * The mean that an attack on the share f of the traffic reaches at least, in three of four calibrated attacks; the smallest f of `shares` that can be
 * told from clean traffic.
 */
export function driftBound(
  clean: number,
  attackMeans: readonly number[],
  shares: readonly number[],
): { m1: number; f: number } | null {
  if (attackMeans.length === 0) return null;
  const rise = quantile(attackMeans, 0.25) - clean;
  const f = shares.find((share) => share * rise >= VISIBLE);
  return f === undefined ? null : { m1: clean + f * rise, f };
}
