import type { AccuracyWindow } from '#contracts';
import type { LiveCounts } from './defense.js';

/** Windows end every two seconds; a message that comes again comes within seconds, or a few times within minutes. */
const REMEMBERED = 300;

/** Adds a window once, also one that comes after later ones. Of windows older than all that are remembered nobody knows, so they do not count. */
export function count(counts: LiveCounts, window: AccuracyWindow, since: string): boolean {
  const { counted } = counts;
  const forgotten = counted.length === REMEMBERED && window.to < counted[0]!;
  if (window.to <= since || forgotten || counted.includes(window.to)) return false;
  counts.n += window.n;
  counts.labelled += window.labelled;
  counts.correct += window.correct;
  if (window.n > 0) counts.windows++;
  counts.counted = [...counted, window.to].sort().slice(-REMEMBERED);
  return true;
}
