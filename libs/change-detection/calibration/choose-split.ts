import type { SplitChoice } from './calibration.js';
import { pairMean, type PairTable } from './pair-table.js';

/** A condition with the tables of one test under one choice of (q, p). */
export interface TestCondition<S extends string = string> {
  name: string;
  role: 'clean' | 'harmless' | 'attack';
  epsilon: number;
  accuracy: number | null;
  tables: Record<S, PairTable>;
}

/** Highest bound over harmless conditions, and where it comes from. */
export function worst<C extends { name: string; role: string }>(
  conditions: readonly C[],
  value: (condition: C) => number,
): { name: string; value: number } {
  return conditions
    .filter(({ role }) => role !== 'attack')
    .map((condition) => ({ name: condition.name, value: value(condition) }))
    .reduce((most, next) => (next.value > most.value ? next : most));
}

/** How far own attacks lie above what harmless changes reach, summed over the statistics. */
export function separation<S extends string>(
  conditions: readonly TestCondition<S>[],
  statistics: readonly S[],
  least: number,
): number {
  return statistics.reduce((total, name) => {
    const allowed = Math.max(least, worst(conditions, ({ tables }) => pairMean(tables[name]).upper).value);
    const attacks = conditions.filter(({ role }) => role === 'attack');
    const above = attacks.map(({ tables }) => Math.max(0, pairMean(tables[name]).mean - allowed));
    return total + above.reduce((sum, value) => sum + value, 0) / Math.max(1, attacks.length);
  }, 0);
}

export function bestChoice(scored: readonly { choice: SplitChoice; score: number }[]): SplitChoice {
  return scored.reduce((best, next) => (next.score > best.score ? next : best)).choice;
}
