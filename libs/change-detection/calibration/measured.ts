import type { SplitChoice } from './calibration.js';
import { firstRows, type Condition } from './conditions.js';
import type { Uniform } from '../randomness.js';
import { SHIFTS } from './pair-table.js';
import type { TestMaterial } from './test-material.js';
import { measure, type LabelledTables, type Measured, type Wanted } from './measure.js';

export interface MeasuredCondition extends Omit<Condition, 'rows'> {
  /** By q. */
  at: Map<number, Measured>;
}

/** The tables of all conditions, from the first rows of each. */
export async function measureAll(
  { model, split, conditions, signal }: TestMaterial,
  wanted: readonly Wanted[],
  { rows: most, shifts }: { rows: number; shifts: number },
): Promise<MeasuredCondition[]> {
  const results: MeasuredCondition[] = [];
  for (const { rows, ...condition } of conditions) {
    const chosen = firstRows(rows(), most);
    const at = new Map<number, Measured>();
    for (const want of wanted) {
      signal?.throwIfAborted();
      at.set(want.q, await measure(model, chosen, split, want, shifts));
    }
    results.push({ ...condition, at });
  }
  return results;
}

export const withAim = (measured: readonly MeasuredCondition[], { q, p }: SplitChoice) =>
  measured.map(({ at, ...condition }) => ({ ...condition, tables: at.get(q)!.aim.get(p)! }));

export const withLabels = (measured: readonly MeasuredCondition[], { q, p }: SplitChoice) =>
  measured.map(({ at, ...condition }) => ({ ...condition, tables: at.get(q)!.labelled.get(p)! }));

/** Unchanged rows, each with the label of another class. */
export async function measurePermuted(
  { model, split, conditions }: TestMaterial,
  { q, p }: SplitChoice,
  uniform: Uniform,
): Promise<LabelledTables> {
  const rows = conditions.find(({ role }) => role === 'clean')!.rows();
  const other = (label: number) => (label + 1 + Math.floor(uniform() * (model.classes - 1))) % model.classes;
  const measured = await measure(
    model,
    { ...rows, y: rows.y.map(other) },
    split,
    { q, aim: [], labelled: [p] },
    SHIFTS,
  );
  return measured.labelled.get(p)!;
}
