import { aim, aimClasses, aimDirections, labelledAim, labelledClasses, labelledDirections } from '../aim/directions.js';
import { lowPart, lowSet, residualOf, splitter, type Splitter } from '../aim/split.js';
import { prepareBasis } from '../aim/transform.js';
import type { ModelFunctions } from '../model.js';
import type { TrustedRows } from './material.js';
import type { SplitCalibration, SplitChoice } from './calibration.js';
import { neighbour, openTable, type PairTable } from './pair-table.js';

export type AimTables = Record<'abs' | 'maxabs', PairTable>;
export type LabelledTables = Record<'near' | 'max', PairTable>;

/** The powers p that are wanted for one share q. */
export interface Wanted {
  q: number;
  aim: readonly SplitChoice['p'][];
  labelled: readonly SplitChoice['p'][];
}

export interface Measured {
  aim: Map<SplitChoice['p'], AimTables>;
  labelled: Map<SplitChoice['p'], LabelledTables>;
}

/** Rows whose gradients are held at a time. */
const CHUNK = 32;

/** T of all rows against their neighbours, from one set of gradients at the low parts for q. */
export async function measure(
  model: ModelFunctions,
  { x, y, n }: TrustedRows,
  { basis, variance }: SplitCalibration,
  { q, aim: aimPowers, labelled: labelledPowers }: Wanted,
  shifts: number,
): Promise<Measured> {
  const { features, classes } = model;
  const powers = [...new Set([...aimPowers, ...labelledPowers])];
  const [prepared, low] = [prepareBasis(basis), lowSet(variance, q)];
  const splitters = new Map(powers.map((p) => [p, splitter(prepared, low, variance, p)]));
  const any: Splitter = splitter(prepared, low, variance, 0);
  const coefficients = Array.from({ length: n }, (_, i) => prepared.to(x.subarray(i * features, (i + 1) * features)));
  const residuals = new Map(powers.map((p) => [p, coefficients.map((a) => residualOf(splitters.get(p)!, a))]));
  const result: Measured = {
    aim: new Map(aimPowers.map((p) => [p, { abs: openTable(n, shifts), maxabs: openTable(n, shifts) }])),
    labelled: new Map(labelledPowers.map((p) => [p, { near: openTable(n, shifts), max: openTable(n, shifts) }])),
  };
  const choose = (label: number, logits: Float32Array): number[] => [
    ...new Set([
      ...(aimPowers.length > 0 ? (aimClasses(0, logits) as number[]) : []),
      ...(labelledPowers.length > 0 ? labelledClasses(logits, label) : []),
    ]),
  ];
  for (let start = 0; start < n; start += CHUNK) {
    const count = Math.min(CHUNK, n - start);
    const lows = new Float32Array(count * features);
    for (let i = 0; i < count; i++) lows.set(lowPart(any, coefficients[start + i]!), i * features);
    const { logits, gradients } = await model.gradients(lows, count, (row, z) => choose(y[start + row]!, z));
    for (let i = 0; i < count; i++) {
      const row = start + i;
      const z = logits.subarray(i * classes, (i + 1) * classes);
      const chosen = choose(y[row]!, z);
      const gradientOf = (k: number) => gradients[i]![chosen.indexOf(k)]!;
      if (aimPowers.length > 0) {
        const directions = aimDirections(z, gradientOf);
        result.aim.forEach((tables, p) => fill(tables, row, residuals.get(p)!, (r) => aim(directions, r)));
      }
      if (labelledPowers.length > 0) {
        const directions = labelledDirections(z, gradientOf, y[row]!);
        result.labelled.forEach((tables, p) => fill(tables, row, residuals.get(p)!, (r) => labelledAim(directions, r)));
      }
    }
  }
  return result;
}

/** Writes one row's T against its own residual and those of its neighbours. */
function fill<S extends string>(
  tables: Record<S, PairTable>,
  row: number,
  residuals: readonly Float32Array[],
  statistics: (residual: Float32Array) => Record<S, number>,
): void {
  const n = residuals.length;
  const { ahead } = Object.values(tables)[0] as PairTable;
  const write = (from: number, into: (table: PairTable) => Float64Array) => {
    const values = statistics(residuals[from]!);
    for (const name of Object.keys(tables) as S[]) into(tables[name])[row] = values[name];
  };
  write(row, (table) => table.own);
  for (let s = 1; s <= ahead.length; s++) {
    write(neighbour(row, s, n), (table) => table.ahead[s - 1]!);
    write(neighbour(row, -s, n), (table) => table.behind[s - 1]!);
  }
}
