export interface Logistic {
  weights: number[];
  bias: number;
}

const STEPS = 30;
const DONE = 1e-8;

/**
 * Weighted logistic regression with an L2 penalty on the weights (not on the bias), by Newton's method. Rows should be standardised;
 * weights of the examples have mean 1 and `penalty` counts against their sum.
 */
export function logisticRegression(
  rows: readonly ArrayLike<number>[],
  isPositive: readonly boolean[],
  exampleWeights: readonly number[],
  penalty: number,
): Logistic {
  const d = (rows[0]?.length ?? 0) + 1; // the bias comes last
  const theta = new Float64Array(d);
  for (let step = 0; step < STEPS; step++) {
    const [gradient, hessian] = [new Float64Array(d), new Float64Array(d * d)];
    for (let i = 0; i < d; i++) {
      const pull = i === d - 1 ? 1e-9 : penalty;
      gradient[i] = pull * theta[i]!;
      hessian[i * d + i] = pull;
    }
    rows.forEach((row, at) => {
      const feature = (i: number) => (i === d - 1 ? 1 : row[i]!);
      let z = 0;
      for (let i = 0; i < d; i++) z += theta[i]! * feature(i);
      const p = 1 / (1 + Math.exp(-z));
      const [error, curvature] = [
        exampleWeights[at]! * (p - (isPositive[at] ? 1 : 0)),
        exampleWeights[at]! * p * (1 - p),
      ];
      for (let i = 0; i < d; i++) {
        gradient[i]! += error * feature(i);
        const scaled = curvature * feature(i);
        for (let j = 0; j <= i; j++) hessian[i * d + j]! += scaled * feature(j);
      }
    });
    const change = solve(hessian, gradient, d);
    change.forEach((value, i) => (theta[i]! -= value));
    if (change.every((value) => Math.abs(value) < DONE)) break;
  }
  return { weights: Array.from(theta.subarray(0, d - 1)), bias: theta[d - 1]! };
}

/** Solves A x = b for a positive definite A, given by its lower triangle (Cholesky). */
function solve(a: Float64Array, b: Float64Array, d: number): Float64Array {
  const l = a.slice();
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = l[i * d + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * d + k]! * l[j * d + k]!;
      l[i * d + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l[j * d + j]!;
    }
  }
  const x = b.slice();
  for (let i = 0; i < d; i++) {
    for (let k = 0; k < i; k++) x[i]! -= l[i * d + k]! * x[k]!;
    x[i]! /= l[i * d + i]!;
  }
  for (let i = d - 1; i >= 0; i--) {
    for (let k = i + 1; k < d; k++) x[i]! -= l[k * d + i]! * x[k]!;
    x[i]! /= l[i * d + i]!;
  }
  return x;
}
