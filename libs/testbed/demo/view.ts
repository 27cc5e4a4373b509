/** Where a person follows the run: lines, and one line at the bottom that moves while something goes on. */
export interface View {
  heading(text: string): void;
  line(text: string): void;
  /** A table of rows; the first row is its head. */
  table(rows: string[][]): void;
  /** A bar with `done` in [0, 1]; it disappears with the next line. Without a terminal a plain line now and then. */
  progress(label: string, done: number, detail: string): void;
}

const BAR = 28;

export function terminalView(out: NodeJS.WriteStream, clock: () => number): View {
  const tty = out.isTTY === true;
  const paint = (code: number, text: string) => (tty && !process.env.NO_COLOR ? `\x1b[${code}m${text}\x1b[0m` : text);
  let barShown = false;
  let lastPlain = { label: '', decile: -1 };
  const started = clock();
  const stamp = () => paint(2, `${((clock() - started) / 1000).toFixed(1).padStart(6)}s  `);
  const write = (text: string) => {
    if (barShown) out.write('\r\x1b[2K');
    barShown = false;
    out.write(`${text}\n`);
  };
  return {
    heading: (text) => write(`\n${paint(1, text)}`),
    line: (text) => write(`${stamp()}${text}`),
    table(rows) {
      const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
      rows.forEach((row, i) => {
        const text = row
          .map((cell, column) => (column ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
          .join('   ');
        write(`         ${i ? text : paint(2, text)}`);
      });
    },
    progress(label, done, detail) {
      if (!tty) {
        const decile = Math.floor(done * 5);
        if (lastPlain.label === label && lastPlain.decile === decile) return;
        lastPlain = { label, decile };
        write(`${stamp()}${label} ${Math.round(done * 100)} %  ${detail}`);
        return;
      }
      const filled = Math.round(BAR * Math.min(1, Math.max(0, done)));
      const text = `${stamp()}${label} ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${Math.round(done * 100)} %  ${detail}`;
      out.write(`\r\x1b[2K${text.slice(0, out.columns + 8 || 200)}`);
      barShown = true;
    },
  };
}

export const percent = ({ value, low, high }: { value: number; low: number; high: number }) =>
  `${(100 * value).toFixed(1)} % (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
