import { prepareBasis } from '../aim/transform.js';
import { quantile } from '../aim/split.js';
import type { InputShape, ModelFunctions } from '../model.js';
import { bandEnergy } from '../signals/band-energy.js';
import { confidence } from '../signals/probabilities.js';
import { squeezed, squeezeScore } from '../signals/squeeze.js';
import { errorTolerance, flagTolerance } from '../tolerance.js';
import type { TrustedRows } from './material.js';
import type { SignalCalibration, SignalCalibrations, SplitCalibration } from './calibration.js';
import { accuracyOf } from './conditions.js';
import { imageLayout } from './image-layout.js';

/** Share of trusted rows that a label-free signal may flag. */
const FLAGGED = 0.01;
/** Squeezing to 1 bit (near-binary images) to 5 bits (photographs), whichever tells this model's attacks best. */
const BIT_DEPTHS = [1, 2, 3, 4, 5];
/** A signal that flags attacks no more often than this many times its tolerance gives the detector nothing to bet on. */
const USEFUL = 2;
/** Rows that the basis has not seen, at least, for a threshold on them. */
const LEAST_FRESH = 100;
/** Rounding may break a tie between two classes differently in the server. */
const LEAST_MISMATCH = 0.01;

interface AnsweredRows extends TrustedRows {
  logits: Float32Array;
}

interface Material {
  model: ModelFunctions;
  input: InputShape;
  trusted: AnsweredRows;
  attacked: readonly AnsweredRows[];
  split: SplitCalibration | null;
  /** Trusted rows from here on were not used for the split. */
  fresh: number;
}

export async function calibrateSignals(material: Material): Promise<SignalCalibrations> {
  const { trusted, model } = material;
  const errors = Math.round((1 - accuracyOf(trusted.logits, trusted.y, model.classes)) * trusted.n);
  return {
    error: { enabled: true, reason: null, rate: errors / trusted.n, tolerance: errorTolerance(errors, trusted.n) },
    lowConfidence: lowConfidence(material),
    squeeze: await squeezeFlag(material),
    bandEnergy: bandEnergyFlag(material),
    mismatch: {
      enabled: true,
      reason: null,
      rate: 0,
      tolerance: Math.max(LEAST_MISMATCH, flagTolerance(0, trusted.n)),
    },
  };
}

const off = (reason: string): SignalCalibration => ({ enabled: false, reason, rate: 0, tolerance: 1 });

function on(flags: readonly boolean[]): SignalCalibration {
  const flagged = flags.filter(Boolean).length;
  const tolerance = flagTolerance(flagged, flags.length);
  return { enabled: true, reason: null, rate: flagged / flags.length, tolerance };
}

const perRow = <T>(n: number, value: (row: number) => T): T[] => Array.from({ length: n }, (_, row) => value(row));

function lowConfidence({ model: { classes }, trusted }: Material): SignalCalibrations['lowConfidence'] {
  const scores = perRow(trusted.n, (row) => confidence(trusted.logits.subarray(row * classes, (row + 1) * classes)));
  const below = quantile(scores, FLAGGED);
  return { ...on(scores.map((score) => score < below)), below };
}

async function squeezeFlag(material: Material): Promise<SignalCalibrations['squeeze']> {
  const { model, input, trusted, attacked } = material;
  if (!imageLayout(input)) return { ...off('only images are squeezed'), bits: 1, above: 2 };
  const scoresOf = async (rows: AnsweredRows, bits: number) => {
    const after = await model.forward(squeezed(rows.x, bits, input.range), rows.n);
    const rowOf = (logits: Float32Array, row: number) =>
      logits.subarray(row * model.classes, (row + 1) * model.classes);
    return perRow(rows.n, (row) => squeezeScore(rowOf(rows.logits, row), rowOf(after, row)));
  };
  const candidates = [];
  for (const bits of BIT_DEPTHS) {
    const scores = await scoresOf(trusted, bits);
    const above = quantile(scores, 1 - FLAGGED);
    const caught = [];
    for (const rows of attacked) {
      const flags = (await scoresOf(rows, bits)).filter((score) => score > above);
      caught.push(flags.length / rows.n);
    }
    const power = caught.reduce((sum, share) => sum + share, 0) / Math.max(1, caught.length);
    candidates.push({ bits, above, power, flags: scores.map((score) => score > above) });
  }
  const { bits, above, power, flags } = candidates.reduce((best, next) => (next.power > best.power ? next : best));
  const calibrated = on(flags);
  if (power > USEFUL * calibrated.tolerance) return { ...calibrated, bits, above };
  return { ...off(`squeezing flags only ${(100 * power).toFixed(1)} % of the model’s own attacks`), bits, above };
}

/** Two-sided: blur and the like take energy away. */
function bandEnergyFlag({ model, trusted, split, input, fresh }: Material): SignalCalibrations['bandEnergy'] {
  const never = { low: 0, high: Number.MAX_VALUE };
  if (!split) return { ...off('the input is too long for principal components'), ...never };
  const start = imageLayout(input) ? 0 : fresh;
  if (trusted.n - start < LEAST_FRESH) {
    return { ...off(`only ${trusted.n - start} trusted rows are left that the basis has not seen`), ...never };
  }
  const basis = prepareBasis(split.basis);
  const scores = perRow(trusted.n - start, (at) => {
    const row = start + at;
    return bandEnergy(basis, split.variance, trusted.x.subarray(row * model.features, (row + 1) * model.features));
  });
  const [low, high] = [quantile(scores, FLAGGED / 2), quantile(scores, 1 - FLAGGED / 2)];
  return { ...on(scores.map((score) => score < low || score > high)), low, high };
}
