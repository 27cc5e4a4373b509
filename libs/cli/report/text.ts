import type { TrainingReport } from '#adversarial';

import type { Evaluation } from '../evaluation.js';
import type { Gate } from '../gate.js';
import { duration } from '../terminal.js';
import { interval, percent } from './shares.js';

/** Columns of equal width; the first one to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(cell).join('   ')}`.trimEnd()).join('\n');
}

export function evaluationText({ accuracy, classes, largestPerturbation, flags, skipped }: Evaluation): string {
  const attacks = Object.entries(accuracy).map(([name, share]) => [name, interval(share)]);
  const perClass = classes.map(({ class: label, clean, robust }) => [
    String(label),
    String(clean.n),
    percent(clean.value),
    interval(robust),
  ]);
  return [
    table([['attack', 'accuracy, 95 % interval'], ...attacks]),
    table([['class', 'rows', 'clean', 'under all attacks'], ...perClass]),
    `  largest perturbation ${Number(largestPerturbation.toPrecision(6))}`,
    ...(skipped.length > 0 ? [`  left out: ${skipped.join('; ')}`] : []),
    flagsText(flags),
  ].join('\n\n');
}

export const flagsText = (flags: readonly string[]): string =>
  flags.length === 0
    ? '  no sign that the numbers mislead'
    : ['  do not believe these numbers:', ...flags.map((flag) => `  - ${flag}`)].join('\n');

export interface Comparison {
  before: Evaluation;
  /** null: training failed. */
  after: Evaluation | null;
  gate: Gate;
  out: string | null;
  rejected: string | null;
  training: TrainingReport | null;
  /** Why training batches were split. */
  split: string | null;
  seconds: number;
}

export function comparisonText({ before, after, gate, out, rejected, training, split, seconds }: Comparison): string {
  const rows = Object.entries(before.accuracy).map(([name, share]) => [
    name,
    interval(share),
    after ? interval(after.accuracy[name]!) : '',
  ]);
  const epochs =
    training &&
    `epoch ${training.chosenEpoch} of ${training.epochs.length} taken, ended by its ${training.endedBy}, ${overfittingText(training)}${loweringText(training)}; `;
  return [
    table([['accuracy, 95 % interval', 'before', after ? 'after' : ''], ...rows]),
    gateText(gate),
    out
      ? `  written to ${out}`
      : `  no hardened model: a gate failed${rejected ? `; what was trained is in ${rejected}` : ''}`,
    `  ${epochs ?? ''}${duration(seconds)} in all`,
    ...(split ? [`  training took ${split}`] : []),
  ].join('\n\n');
}

const overfittingText = ({ overfittedAt }: TrainingReport): string =>
  overfittedAt === null ? '' : `one attack step too few in epoch ${overfittedAt} and several after it, `;

const loweringText = ({ lowering }: TrainingReport): string =>
  lowering.kind === 'fast' ? 'by the fast lowering' : `by the plain lowering (${lowering.why})`;

const gateText = ({ checks }: Gate): string =>
  checks.map(({ name, passed, detail }) => `  ${passed ? 'passed' : 'FAILED'}  ${name}: ${detail}`).join('\n');
