import { compileForward, type Executor, type OnnxModel } from '#onnx-autodiff';

import { compileApgd } from './apgdGraph.js';
import { type AttackOptions, compileAttack } from './attackGraph.js';
import { apgd } from './attacks/apgd.js';
import type { WorstCase } from './attacks/restarts.js';
import { square, type SquareOptions } from './attacks/square.js';
import { worstCase } from './attacks/worstCase.js';
import { type Dataset, pickRows, type Rows } from './dataset.js';
import { requireThat } from './errors.js';
import { random } from './random.js';
import { largestPerturbation, type ThreatModel } from './threatModel.js';

/** After PGD, from the cheapest to the dearest, in this order. */
export const furtherAttacks = ['cw', 'apgd-ce', 'apgd-dlr', 'square'] as const;
export type FurtherAttack = (typeof furtherAttacks)[number];

export interface FurtherOptions {
  executor: Executor;
  threat: ThreatModel;
  /** Of a gradient attack's start. */
  steps: number;
  /** Of cw and apgd-ce; apgd-dlr has one for each of at most 9 targets. */
  restarts: number;
  /** Of the square attack. */
  queries: number;
  picture: SquareOptions['picture'] | undefined;
  seed: number;
  batch?: number;
  signal?: AbortSignal | undefined;
  onProgress?: (attack: FurtherAttack, done: number) => void;
}

export interface FurtherResult {
  attack: FurtherAttack;
  /** Rows of the dataset that still stand after this attack. */
  standing: number[];
  largestPerturbation: number;
}

const BATCH = 64;
const MOST_TARGETS = 9;

/** Each attack runs on the rows alone that stood against those before it. */
export async function runFurtherAttacks(
  model: OnnxModel,
  data: Dataset,
  standing: readonly number[],
  attacks: readonly FurtherAttack[],
  options: FurtherOptions,
): Promise<FurtherResult[]> {
  const results: FurtherResult[] = [];
  let left = [...standing];
  for (const attack of furtherAttacks) {
    if (!attacks.includes(attack)) continue;
    if (left.length === 0) {
      results.push({ attack, standing: [], largestPerturbation: 0 });
      continue;
    }
    const rows = pickRows(data, left);
    const found = await runOne(attack, model, rows, options);
    left = left.filter((_, place) => found.standing[place]);
    const features = data.x.length / data.n;
    const moved = largestPerturbation(options.threat.norm, found.x, rows.x, features);
    results.push({ attack, standing: left, largestPerturbation: moved });
  }
  return results;
}

async function runOne(
  attack: FurtherAttack,
  model: OnnxModel,
  rows: Rows,
  { executor, threat, steps, restarts, queries, picture, seed, signal, ...rest }: FurtherOptions,
): Promise<WorstCase> {
  const batch = Math.min(rest.batch ?? BATCH, rows.y.length);
  const common = {
    random: random(seed + 1 + furtherAttacks.indexOf(attack)),
    signal,
    onProgress: (done: number) => rest.onProgress?.(attack, done),
  };
  if (attack === 'square') {
    requireThat(picture !== undefined, 'picture', 'is needed by the square attack');
    const forward = await compileForward(model, { executor, batch });
    try {
      return await square(forward, rows, threat, { ...common, picture, queries, batch });
    } finally {
      await forward.release();
    }
  }
  const options: AttackOptions = { executor, norm: threat.norm, batch };
  if (attack === 'cw') {
    const compiled = await compileAttack(model, { ...options, loss: 'margin' });
    try {
      return await worstCase([compiled], rows, threat, { ...common, steps, restarts });
    } finally {
      await compiled.release();
    }
  }
  const compiled = await compileApgd(model, { ...options, loss: attack === 'apgd-ce' ? 'ce' : 'dlr' });
  try {
    const targets = Math.min(compiled.classes - 1, MOST_TARGETS);
    const starts = attack === 'apgd-dlr' ? targets : restarts;
    return await apgd(compiled, rows, threat, { ...common, steps, restarts: starts });
  } finally {
    await compiled.release();
  }
}
