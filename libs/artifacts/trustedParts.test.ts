import { describe, expect, it } from '@jest/globals';
import { DatasetError, readTrustedParts, writeNpz } from './index.js';

const inputs = { dims: [4], range: [0, 1] as const, classes: 2 };
const shares = { training: 0.75, validation: 0.05, calibration: 0.12, certificate: 0.08 };

/** `n` different rows of four values. */
function dataset(n: number): Uint8Array {
  const x = Float32Array.from({ length: 4 * n }, (_, i) => (i % 4 === 0 ? i / (4 * n) : (i % 7) / 7));
  return writeNpz({
    x: { shape: [n, 4], data: x },
    y: { shape: [n], data: Int32Array.from({ length: n }, (_, i) => i % 2) },
  });
}

describe('the parts of a trusted dataset', () => {
  it('are all there, and have the rows that they need', () => {
    const parts = readTrustedParts(dataset(2000), 'd.npz', { inputs, shares });
    expect(parts.training.n + parts.validation.n + parts.calibration.n + parts.certificate.n).toBe(2000);
    expect(parts.calibration.n).toBeGreaterThan(200);
  });

  it('do not depend on the order in which the shares are named', () => {
    const { training, ...others } = shares;
    const parts = readTrustedParts(dataset(2000), 'd.npz', { inputs, shares: { ...others, training } });
    expect(parts).toEqual(readTrustedParts(dataset(2000), 'd.npz', { inputs, shares }));
  });

  it.each([
    ['training', { ...shares, training: 1e-9 }, /^d\.npz: shares\.training: leaves 0 of 2000 rows, and 100 are needed/],
    ['validation', { ...shares, validation: 0.005 }, /shares\.validation: leaves \d+ of 2000 rows, and 50 are needed/],
    [
      'calibration',
      { ...shares, calibration: 0.05 },
      /shares\.calibration: leaves \d+ of 2000 rows, and 150 are needed/,
    ],
    ['certificate', { ...shares, certificate: 1e-9 }, /shares\.certificate: leaves 0 of 2000 rows, and 100 are needed/],
  ])('are refused where %s would get too few rows', (_, wanted, message) => {
    const read = () => readTrustedParts(dataset(2000), 'd.npz', { inputs, shares: wanted });
    expect(read).toThrow(DatasetError);
    expect(read).toThrow(message);
  });
});
