import type { AttackShape } from '../attackGraph.js';
import type { Rows } from '../dataset.js';
import { requireThat } from '../errors.js';
import type { Random } from '../random.js';
import { checkAttack, batches } from './batches.js';
import { checkSteps } from './pgd.js';
import type { ThreatModel } from '../threatModel.js';

export interface WorstCaseOptions {
  steps: number;
  restarts: number;
  random: Random;
  signal?: AbortSignal | undefined;
  /** Called with the share of the work that is done. */
  onProgress?: ((done: number) => void) | undefined;
}

export interface WorstCase {
  /** For each row, whether the model was right at every point that any restart visited. */
  standing: boolean[];
  /** For fallen rows the first point that fooled the model, for the others the last point tried. */
  x: Float32Array;
}

/** Attacks the given rows, at most a batch of them, and notes in `result` what fell. */
export type AttackBatch<Attack extends AttackShape> = (
  attack: Attack,
  members: readonly number[],
  restart: number,
  result: WorstCase,
) => Promise<void>;

/** Restarts take turns through `attacks` and spend their time on the rows that still stand. */
export async function overRestarts<Attack extends AttackShape>(
  attacks: readonly Attack[],
  rows: Rows,
  threat: ThreatModel,
  { steps, restarts, signal, onProgress }: WorstCaseOptions,
  attackBatch: AttackBatch<Attack>,
): Promise<WorstCase> {
  requireThat(attacks.length > 0, 'attacks', 'must name at least one attack');
  for (const attack of attacks) checkAttack(attack, rows, threat);
  checkSteps(steps);
  requireThat(Number.isInteger(restarts) && restarts >= 1, 'restarts', 'must be a whole number from 1 up');

  const result: WorstCase = { standing: Array.from(rows.y, () => true), x: rows.x.slice() };
  for (let restart = 0; restart < restarts; restart++) {
    const attack = attacks[restart % attacks.length]!;
    const standing = [...rows.y.keys()].filter((row) => result.standing[row]);
    for (const places of batches(standing.length, attack.batch)) {
      signal?.throwIfAborted();
      const members = places.map((place) => standing[place]!);
      await attackBatch(attack, members, restart, result);
      onProgress?.((restart + (places.at(-1)! + 1) / standing.length) / restarts);
    }
  }
  return result;
}

/** Keeps the points of rows that still stood, and notes which of them the model now gets wrong. */
export function noteFallen(
  result: WorstCase,
  members: readonly number[],
  x: Float32Array,
  isRight: (place: number, row: number) => boolean,
): void {
  const features = result.x.length / result.standing.length;
  for (const [place, row] of members.entries()) {
    if (!result.standing[row]) continue;
    result.x.set(x.subarray(place * features, (place + 1) * features), row * features);
    if (!isRight(place, row)) result.standing[row] = false;
  }
}
