import type { AccuracyWindow } from '#contracts';
import type { LiveCounts } from './defense.js';

/** Adds a window once: windows of a revision follow each other, so one that does not end later than the last is a repeat. */
export function count(counts: LiveCounts, window: AccuracyWindow, since: string): boolean {
  if (window.to <= since || (counts.until !== null && window.to <= counts.until)) return false;
  counts.n += window.n;
  counts.labelled += window.labelled;
  counts.correct += window.correct;
  if (window.n > 0) counts.windows++;
  counts.until = window.to;
  return true;
}
