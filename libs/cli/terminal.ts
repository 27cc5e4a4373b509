/** Standard error, where a person follows the run: lines, and a bar at the bottom while something goes on. */
export interface Terminal {
  line(text: string): void;
  /** `done` in [0, 1]; the bar disappears with the next line. Without a terminal a plain line every tenth of the way. */
  progress(label: string, done: number, detail?: string): void;
  /** Removes the bar. */
  clear(): void;
}

const BAR = 24;

export const silent: Terminal = { line: () => {}, progress: () => {}, clear: () => {} };

export function terminal(out: NodeJS.WriteStream): Terminal {
  const live = out.isTTY === true;
  let shown = false;
  let last = { label: '', tenth: -1 };
  const clear = () => {
    if (shown) out.write('\r\x1b[2K');
    shown = false;
  };
  const line = (text: string) => {
    clear();
    out.write(`${text}\n`);
  };
  return {
    line,
    clear,
    progress(label, done, detail = '') {
      const percent = `${Math.round(done * 100)}`.padStart(3);
      if (!live) {
        const tenth = Math.floor(done * 10);
        if (last.label === label && last.tenth === tenth) return;
        last = { label, tenth };
        line(`${label} ${percent} %  ${detail}`.trimEnd());
        return;
      }
      const filled = Math.round(BAR * Math.min(1, Math.max(0, done)));
      const text = `${label} ${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${percent} %  ${detail}`;
      out.write(`\r\x1b[2K${text.slice(0, (out.columns || 80) - 1)}`);
      shown = true;
    },
  };
}

/** A clock for "about so long to go", from the share that is done; it starts with its first call. */
export function remaining(now: () => number): (done: number) => string {
  let first: { at: number; done: number } | undefined;
  return (done) => {
    first ??= { at: now(), done };
    const rate = (done - first.done) / (now() - first.at);
    return rate > 0 ? `${duration((1 - done) / rate / 1000)} left` : '';
  };
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return `${hours}h ${minutes}m`;
  return minutes > 0 ? `${minutes}m ${rest}s` : `${rest}s`;
}
