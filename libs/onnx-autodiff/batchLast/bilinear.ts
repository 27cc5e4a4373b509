/**
 * A one-dimensional convolution of `m` neighbouring outputs as few products: outputs = output · ((weight · w) * (input · x)),
 * where x are the `n` samples that the outputs see and w the taps (Winograd 1980; Toom and Cook's construction).
 */
export interface Bilinear {
  /** Outputs of a tile. */
  readonly m: number;
  readonly stride: number;
  /** [m][products] */
  readonly output: Matrix;
  /** [products][taps] */
  readonly weight: Matrix;
  /** [products][n] */
  readonly input: Matrix;
}

export type Matrix = readonly (readonly number[])[];

/** In this order; mixed sizes lose a third of the digits that 0, ±1, ±2 lose. Infinity comes as the last point. */
const POINTS = [0, 1, -1, 2, -1 / 2, -2, 1 / 2];

/** With a stride, taps and samples fall apart into phases (tap j to phase j mod stride), each a convolution of stride 1. */
export function bilinear(m: number, taps: number, stride: number): Bilinear {
  const samples = (m - 1) * stride + taps;
  const input: number[][] = [];
  const weight: number[][] = [];
  const columns: number[][] = [];
  for (let phase = 0; phase < stride; phase++) {
    const ofPhase = range(taps).filter((tap) => tap % stride === phase);
    if (ofPhase.length === 0) continue;
    const part = ofUnitStride(m, ofPhase.length);
    part.input.forEach((row, product) => {
      input.push(scattered(row, samples, (j) => phase + j * stride));
      weight.push(scattered(part.weight[product] ?? [], taps, (j) => phase + j * stride));
      columns.push(part.output.map((outputRow) => outputRow[product] ?? 0));
    });
  }
  return { m, stride, input, weight, output: transposed(columns) };
}

function ofUnitStride(m: number, taps: number): Pick<Bilinear, 'input' | 'weight' | 'output'> {
  if (taps === 1) return { input: identity(m), weight: range(m).map(() => [1]), output: identity(m) };
  if (m === 1) return { input: identity(taps), weight: identity(taps), output: [range(taps).map(() => 1)] };
  const products = m + taps - 1;
  const points = POINTS.slice(0, products - 1);
  const powers = (point: number, count: number) => range(count).map((exponent) => point ** exponent);
  const last = (size: number) => range(size).map((i) => Number(i === size - 1));
  const others = (point: number) => points.filter((other) => other !== point);
  return {
    output: transposed([...points.map((point) => powers(point, m)), last(m)]),
    weight: [
      ...points.map((point) => {
        const scale = others(point).reduce((product, other) => product * (point - other), 1);
        return powers(point, taps).map((power) => power / scale);
      }),
      last(taps),
    ],
    input: [...points.map((point) => [...polynomial(others(point)), 0]), polynomial(points)],
  };
}

/** Coefficients of the product of (x - root), the constant one first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>(
    (coefficients, root) =>
      range(coefficients.length + 1).map((i) => (coefficients[i - 1] ?? 0) - root * (coefficients[i] ?? 0)),
    [1],
  );

function scattered(values: readonly number[], size: number, place: (index: number) => number): number[] {
  const row = Array<number>(size).fill(0);
  values.forEach((value, index) => {
    if (value !== 0) row[place(index)] = value;
  });
  return row;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const identity = (size: number): number[][] => range(size).map((row) => range(size).map((i) => Number(i === row)));

export const transposed = (matrix: Matrix): number[][] =>
  (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] ?? 0));

/** Rows and columns of both: the two-dimensional transform of row-major data. */
export const kronecker = (a: Matrix, b: Matrix): number[][] =>
  a.flatMap((left) => b.map((right) => left.flatMap((x) => right.map((y) => x * y))));
