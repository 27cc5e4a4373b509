import { CalibrationError } from '../errors.js';
import type { InputShape, ModelFunctions } from '../model.js';
import { METHOD, type Calibration } from './calibration.js';
import { accuracyOf, attackCondition, firstRows, harmlessConditions, pickRows } from './conditions.js';
import { corruptionsFor, unitsOf } from './corruptions/corruptions.js';
import { shuffled } from '../randomness.js';
import { fitSplit } from './fit-split.js';
import type { CalibrationAttack, TrustedRows } from './material.js';
import { calibrateSignals } from './signal-calibration.js';
import { calibrateTests, noTests } from './test-calibration.js';

export interface CalibrationOptions {
  input: InputShape;
  /** Uniform in [0, 1), seeded. */
  random: () => number;
  signal?: AbortSignal;
}

/** Fewer say too little about m0 and p0. */
const LEAST_ROWS = 150;
/** More cost time and say hardly more. */
const MOST_ROWS = 2000;
/** Rows that are changed, attacked and differentiated. */
const MOST_EXAMINED = 300;

/** Learns everything that detection needs to know about a model. One half of the rows is learnt from, the other sets and checks thresholds. */
export async function calibrate(
  model: ModelFunctions,
  trusted: TrustedRows,
  attacks: readonly CalibrationAttack[],
  { input, random, signal }: CalibrationOptions,
): Promise<Calibration> {
  check(model, trusted, input);
  const rows = pickRows(trusted, shuffled(trusted.n, random).slice(0, MOST_ROWS));
  const fitted = firstRows(rows, Math.max(LEAST_ROWS, Math.floor(rows.n / 2)));
  const examined = firstRows(rows, Math.min(MOST_EXAMINED, fitted.n));
  const logits = await model.forward(rows.x, rows.n);
  const attacked = [];
  for (const attack of attacks) {
    signal?.throwIfAborted();
    attacked.push(await attackCondition(model, examined, attack));
  }
  const split = fitSplit(fitted.x, fitted.n, input);
  const signals = await calibrateSignals({
    model,
    input,
    trusted: { ...rows, logits },
    attacked: attacked.map((condition) => ({ ...condition.rows(), logits: condition.logits })),
    split,
    fresh: fitted.n,
  });
  const harmless = harmlessConditions(examined, corruptionsFor(input, unitsOf(fitted.x, fitted.n)), random);
  const tests = split
    ? await calibrateTests({
        model,
        split,
        rows,
        fitted,
        conditions: [...harmless, ...attacked],
        cleanAccuracy: accuracyOf(logits, rows.y, model.classes),
        random,
        ...(signal && { signal }),
      })
    : noTests('inputs of this shape are too long for principal components');
  return { method: METHOD, input, rows: rows.n, signals, split, tests };
}

function check(model: ModelFunctions, { x, y, n }: TrustedRows, { dims, classes }: InputShape): void {
  const features = dims.reduce((product, size) => product * size, 1);
  const refuse = (field: string, problem: string): never => {
    throw new CalibrationError(field, problem);
  };
  if (n < LEAST_ROWS) refuse('trusted.n', `is ${n}; at least ${LEAST_ROWS} rows are needed`);
  if (x.length !== n * features) refuse('trusted.x', `has ${x.length} values; ${n} rows of ${features} are needed`);
  if (y.length !== n) refuse('trusted.y', `has ${y.length} labels for ${n} rows`);
  if (model.features !== features) refuse('input.dims', `make ${features} values; the model takes ${model.features}`);
  if (model.classes !== classes) refuse('input.classes', `is ${classes}; the model has ${model.classes}`);
  const bad = y.findIndex((label) => !(label >= 0 && label < classes));
  if (bad >= 0) refuse('trusted.y', `has the label ${y[bad]} at row ${bad}; labels go from 0 to ${classes - 1}`);
}
