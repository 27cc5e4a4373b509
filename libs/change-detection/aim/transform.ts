import type { Basis, ImageBasis, VectorBasis } from './basis.js';

/** A basis with its tables, ready to use. Orthonormal: `from(to(x))` gives x back (vectors: less the mean). */
export interface PreparedBasis {
  features: number;
  image: ImageBasis | null;
  /** Coefficients of one row. */
  to: (x: ArrayLike<number>) => Float64Array;
  /** The row of given coefficients; for vectors without the mean. */
  from: (coefficients: Float64Array) => Float64Array;
  /** What `from` leaves out. */
  mean: Float64Array | null;
}

export const prepareBasis = (basis: Basis): PreparedBasis =>
  basis.kind === 'image' ? imageTransform(basis) : vectorTransform(basis);

/** Coefficient index: channel x vertical frequency x horizontal frequency, whatever the layout of the input. */
function imageTransform(basis: ImageBasis): PreparedBasis {
  const { channels, height, width, channelsLast, mix } = basis;
  const pixels = height * width;
  const [perChannel, perPixel] = channelsLast ? [1, channels] : [pixels, 1];
  const [vertical, horizontal] = [cosines(height), cosines(width)];
  const [verticalBack, horizontalBack] = [transposed(vertical, height), transposed(horizontal, width)];

  const rotate = (from: ArrayLike<number>, back: boolean): Float64Array => {
    const out = new Float64Array(channels * pixels);
    for (let a = 0; a < channels; a++) {
      for (let b = 0; b < channels; b++) {
        const weight = mix[a * channels + b]!;
        if (weight === 0) continue;
        for (let p = 0; p < pixels; p++) {
          const [outer, inner] = [a * perChannel + p * perPixel, b * pixels + p];
          if (back) out[outer]! += weight * from[inner]!;
          else out[inner]! += weight * from[outer]!;
        }
      }
    }
    return out;
  };
  const eachPlane = (planes: Float64Array, left: Float64Array, right: Float64Array): Float64Array => {
    const out = new Float64Array(planes.length);
    for (let at = 0; at < planes.length; at += pixels) {
      const plane = planes.subarray(at, at + pixels);
      // The plane comes first: its zero coefficients are skipped.
      out.set(product(left, product(plane, right, height, width, width), height, height, width), at);
    }
    return out;
  };
  return {
    features: channels * pixels,
    image: basis,
    mean: null,
    to: (x) => eachPlane(rotate(x, false), vertical, horizontalBack),
    from: (coefficients) => rotate(eachPlane(coefficients, verticalBack, horizontal), true),
  };
}

function vectorTransform({ mean, vectors }: VectorBasis): PreparedBasis {
  const d = mean.length;
  const v = Float64Array.from(vectors);
  return {
    features: d,
    image: null,
    mean: Float64Array.from(mean),
    to: (x) => {
      const centred = Float64Array.from({ length: d }, (_, i) => x[i]! - mean[i]!);
      return product(centred, v, 1, d, d);
    },
    from: (coefficients) => product(v, coefficients, d, d, 1),
  };
}

/** The orthonormal DCT-II as a matrix: row u is the cosine of frequency u. */
function cosines(n: number): Float64Array {
  const table = new Float64Array(n * n);
  for (let u = 0; u < n; u++) {
    const scale = Math.sqrt((u === 0 ? 1 : 2) / n);
    for (let i = 0; i < n; i++) table[u * n + i] = scale * Math.cos((Math.PI * (i + 0.5) * u) / n);
  }
  return table;
}

function transposed(square: Float64Array, n: number): Float64Array {
  return Float64Array.from(square, (_, k) => square[(k % n) * n + Math.floor(k / n)]!);
}

/** a (rows x inner) times b (inner x columns). */
function product(a: Float64Array, b: Float64Array, rows: number, inner: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k]!;
      if (factor === 0) continue;
      for (let j = 0; j < columns; j++) out[i * columns + j]! += factor * b[k * columns + j]!;
    }
  }
  return out;
}
