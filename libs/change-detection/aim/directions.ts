import type { ChooseClasses } from '../model.js';

/**
 * Where the model can be pushed at a row's low part: for each class j that competes, the signs of D_j, divided by sqrt(features) so that
 * the product with a unit residual is at most 1. Taken at the low part, never at the row itself: noise in a row bends its own gradient.
 */
export interface Directions {
  signs: Float32Array[];
  /** The competing class that is nearest to first order. */
  near: number;
}

/** Competing classes without labels (the next by logit), and with labels. */
const COMPETING = 5;
const COMPETING_WITH_LABEL = 9;

export function classesByLogit(logits: Float32Array): number[] {
  return Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!);
}

/** The classes whose gradients the test without labels needs, the predicted one first. */
export const aimClasses: ChooseClasses = (_row, logits) => classesByLogit(logits).slice(0, 1 + COMPETING);

/** The classes whose gradients the labelled test needs for one label. */
export const labelledClasses = (logits: Float32Array, label: number): number[] => [
  label,
  ...classesByLogit(logits)
    .filter((k) => k !== label)
    .slice(0, COMPETING_WITH_LABEL),
];

/** Which change takes the predicted class down: D_j = grad z_c - grad z_j. `gradients` by class. */
export function aimDirections(logits: Float32Array, gradientOf: (k: number) => Float32Array): Directions {
  const [top = 0, ...others] = classesByLogit(logits).slice(0, 1 + COMPETING);
  const sides = others.map((j) => side(gradientOf(top), gradientOf(j), logits[top]! - logits[j]!));
  return nearest(sides);
}

/** Which change leads away from the true class y: D_k = grad z_k - grad z_y. */
export function labelledDirections(
  logits: Float32Array,
  gradientOf: (k: number) => Float32Array,
  label: number,
): Directions {
  const [, ...others] = labelledClasses(logits, label);
  const sides = others.map((k) => side(gradientOf(k), gradientOf(label), logits[label]! - logits[k]!));
  return nearest(sides);
}

interface Side {
  signs: Float32Array;
  /** First-order L-infinity distance to the boundary. */
  distance: number;
}

function side(up: Float32Array, down: Float32Array, margin: number): Side {
  const signs = new Float32Array(up.length);
  const unit = 1 / Math.sqrt(up.length);
  let steepness = 1e-9;
  for (let i = 0; i < up.length; i++) {
    const difference = up[i]! - down[i]!;
    steepness += Math.abs(difference);
    signs[i] = difference > 0 ? unit : difference < 0 ? -unit : 0;
  }
  return { signs, distance: margin / steepness };
}

function nearest(sides: readonly Side[]): Directions {
  let near = 0;
  sides.forEach(({ distance }, k) => {
    if (distance < sides[near]!.distance) near = k;
  });
  return { signs: sides.map(({ signs }) => signs), near };
}

/** How far a residual points along each direction. */
export function alongEach({ signs }: Directions, residual: Float32Array): Float64Array {
  const along = new Float64Array(signs.length);
  for (let k = 0; k < signs.length; k++) along[k] = dot(signs[k]!, residual);
  return along;
}

/** Four sums side by side: calibration spends most of its time here, waiting for one addition after the other. */
function dot(a: Float32Array, b: Float32Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (let i = whole; i < a.length; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + s2 + s3;
}

/** T(i <- r) without labels: two-sided, since a change that has not yet flipped the answer points the other way. */
export function aim(directions: Directions, residual: Float32Array): { abs: number; maxabs: number } {
  const along = alongEach(directions, residual).map(Math.abs);
  return { abs: along[directions.near] ?? 0, maxabs: along.reduce((max, t) => Math.max(max, t), 0) };
}

/** T(i <- r) with the true label: > 0 where the residual leads away from it. */
export function labelledAim(directions: Directions, residual: Float32Array): { near: number; max: number } {
  const along = alongEach(directions, residual);
  return { near: along[directions.near] ?? 0, max: along.reduce((max, t) => Math.max(max, t), -Infinity) };
}
