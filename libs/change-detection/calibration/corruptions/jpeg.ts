import type { Plane } from './filters.js';

/** The luminance table of the JPEG standard (ITU T.81, annex K.1). */
const LUMINANCE = [
  [16, 11, 10, 16, 24, 40, 51, 61],
  [12, 12, 14, 19, 26, 58, 60, 55],
  [14, 13, 16, 24, 40, 57, 69, 56],
  [14, 17, 22, 29, 51, 87, 80, 62],
  [18, 22, 37, 56, 68, 109, 103, 77],
  [24, 35, 55, 64, 81, 104, 113, 92],
  [49, 64, 78, 87, 103, 121, 120, 101],
  [72, 92, 95, 98, 112, 100, 103, 99],
].flat();

const SIDE = 8;
const COSINES = Float64Array.from({ length: SIDE * SIDE }, (_, at) => {
  const [u, i] = [Math.floor(at / SIDE), at % SIDE];
  return Math.sqrt((u === 0 ? 1 : 2) / SIDE) * Math.cos((Math.PI * (i + 0.5) * u) / SIDE);
});

/** What quantisation of the given quality (1 to 100) loses in a plane of values in [0, 1]; each channel by itself. */
export function jpeg({ data, height, width }: Plane, quality: number): Float32Array {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const steps = LUMINANCE.map((step) => Math.max(1, Math.min(255, Math.floor((step * scale + 50) / 100))));
  const out = new Float32Array(data.length);
  for (let top = 0; top < height; top += SIDE) {
    for (let left = 0; left < width; left += SIDE) {
      const index = (k: number) =>
        Math.min(height - 1, top + Math.floor(k / SIDE)) * width + Math.min(width - 1, left + (k % SIDE));
      const block = Float64Array.from({ length: SIDE * SIDE }, (_, k) => data[index(k)]! * 255 - 128);
      const kept = transform(block, false).map((a, k) => Math.round(a / steps[k]!) * steps[k]!);
      transform(kept, true).forEach((value, k) => {
        const inside = top + Math.floor(k / SIDE) < height && left + (k % SIDE) < width;
        if (inside) out[index(k)] = Math.max(0, Math.min(1, (value + 128) / 255));
      });
    }
  }
  return out;
}

/** 8 x 8 cosine transform, or back. */
function transform(block: Float64Array, back: boolean): Float64Array {
  const entry = (u: number, i: number) => (back ? COSINES[i * SIDE + u]! : COSINES[u * SIDE + i]!);
  const [half, out] = [new Float64Array(SIDE * SIDE), new Float64Array(SIDE * SIDE)];
  for (let u = 0; u < SIDE; u++) {
    for (let i = 0; i < SIDE; i++) {
      for (let j = 0; j < SIDE; j++) half[u * SIDE + j]! += entry(u, i) * block[i * SIDE + j]!;
    }
  }
  for (let u = 0; u < SIDE; u++) {
    for (let v = 0; v < SIDE; v++) {
      for (let j = 0; j < SIDE; j++) out[u * SIDE + v]! += entry(v, j) * half[u * SIDE + j]!;
    }
  }
  return out;
}
