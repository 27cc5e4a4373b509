/** What one test has decided so far. */
export type Decision = 'attack' | 'drift' | null;

/** With n tests side by side: 100 n and 20 n, so that `attack` and `drift` are wrong with probability 1 % and 5 % in all (union bound). */
export interface Thresholds {
  attack: number;
  drift: number;
}

const ATTACK = 100;
const DRIFT = 20;

export const thresholdsFor = (tests: number): Thresholds => ({ attack: ATTACK * tests, drift: DRIFT * tests });

/** A decision is made at the first crossing and stays; only `drift` may still turn into `attack`. */
export function latched(
  decision: Decision,
  thresholds: Thresholds,
  evidence: { attack: number; drift: number | null },
): Decision {
  if (decision === 'attack' || evidence.attack >= thresholds.attack) return 'attack';
  return decision ?? (evidence.drift !== null && evidence.drift >= thresholds.drift ? 'drift' : null);
}
