import type { Machine } from './machine.js';
import type { Summary } from './summary.js';

export function headOf({ cores, processor, node, platform, loadAverage, overloaded }: Machine): string {
  const machine = `${cores} cores (${processor}), Node ${node}, ${platform}, load average ${loadAverage}`;
  return overloaded ? `${machine}\nWARNING: more wants to run than there are cores: these numbers are noise` : machine;
}

const HEAD = ['', 'median', 'min..max', 'unit', 'runs'];

/** Right-aligned numbers under a head; what did not happen is a dash. */
export function tableOf(summaries: readonly Summary[]): string {
  const rows = summaries.map(({ what, unit, median, min, max, runs, happened }) => [
    what,
    text(median),
    runs > 1 && min !== null ? `${text(min)}..${text(max)}` : '',
    unit,
    happened < runs ? `${happened} of ${runs}` : String(runs),
  ]);
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  return [HEAD, ...rows]
    .map((row) => row.map((cell, i) => (i === 1 || i === 2 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))))
    .map((row) => `  ${row.join('  ')}`.trimEnd())
    .join('\n');
}

/** Three digits that count; none after the point from 100 on. */
function text(value: number | null): string {
  if (value === null) return '-';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
