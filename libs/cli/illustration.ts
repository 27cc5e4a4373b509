import { type CompiledAttack, compileAttack, predictions, random, worstCase } from '#adversarial';
import { type Dataset, pickRows } from '#artifacts';
import type { OnnxModel } from '#onnx-autodiff';

import type { Context } from './command.js';
import type { Engine } from './engine.js';
import type { EvaluationSettings } from './evaluation.js';
import { sample } from './partition.js';

/** What makes an evaluation visible: how accuracy falls with epsilon, and what the attacked rows look like. */
export interface Illustration {
  /** From epsilon 0, clean, up. */
  curve: { epsilon: number; accuracy: number }[];
  curveRows: number;
  examples: Example[];
}

export interface Example {
  clean: Float32Array;
  attacked: Float32Array;
  label: number;
  predicted: { clean: number; attacked: number };
}

const CURVE = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2];
const STEPS = 20;
const ROWS = 200;
const EXAMPLES = 8;
const BATCH = 50;

/** Weaker than the evaluation, PGD-20 from one start on a sample: it shows the shape, not the proof. */
export async function illustrate(
  model: OnnxModel,
  data: Dataset,
  settings: EvaluationSettings,
  { executor }: Engine,
  { terminal, signal }: Context,
): Promise<Illustration> {
  const rows = sample(data, ROWS);
  const { norm, epsilon, range } = settings.threat;
  const attack = await compileAttack(model, { executor, norm, batch: Math.min(BATCH, settings.batch, rows.n) });
  try {
    const predicted = await predictions(attack, rows.x, range);
    let standing = [...rows.y.keys()].filter((row) => predicted[row] === rows.y[row]);
    const curve = [{ epsilon: 0, accuracy: standing.length / rows.n }];
    let examples: Example[] = [];
    for (const [index, factor] of CURVE.entries()) {
      terminal.progress('drawing the curve', index / CURVE.length);
      const threat = { norm, range, epsilon: factor * epsilon };
      const left = pickRows(rows, standing);
      const options = { steps: STEPS, restarts: 1, random: random(settings.seed), signal };
      const found = left.n > 0 ? await worstCase([attack], left, threat, options) : { standing: [], x: left.x };
      if (factor === 1) examples = await examplesOf(attack, left, found.x, found.standing, range);
      standing = standing.filter((_, place) => found.standing[place]); // what fell at a smaller epsilon stays fallen
      curve.push({ epsilon: threat.epsilon, accuracy: standing.length / rows.n });
    }
    return { curve, curveRows: rows.n, examples };
  } finally {
    await attack.release();
  }
}

/** Fallen ones first, of as many classes as possible. */
async function examplesOf(
  attack: CompiledAttack,
  rows: Dataset,
  attacked: Float32Array,
  standing: readonly boolean[],
  range: readonly [number, number],
): Promise<Example[]> {
  const { features } = attack;
  const [before, after] = [await predictions(attack, rows.x, range), await predictions(attack, attacked, range)];
  const seen = new Map<number, number>();
  const rank = [...rows.y.keys()].map((row) => {
    const repeat = seen.get(rows.y[row]!) ?? 0;
    seen.set(rows.y[row]!, repeat + 1);
    return { row, order: repeat + (standing[row] ? rows.n : 0) };
  });
  rank.sort((a, b) => a.order - b.order || a.row - b.row);
  return rank.slice(0, EXAMPLES).map(({ row }) => ({
    clean: rows.x.slice(row * features, (row + 1) * features),
    attacked: attacked.slice(row * features, (row + 1) * features),
    label: rows.y[row]!,
    predicted: { clean: before[row]!, attacked: after[row]! },
  }));
}
