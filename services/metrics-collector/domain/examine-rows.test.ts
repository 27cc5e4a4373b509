import { describe, expect, it } from '@jest/globals';
import { prepareSignals } from '#change-detection';
import { handMadeCalibration } from '../testing/calibration.js';
import { examineRows } from './examine-rows.js';

/** Logits by hand: the sums of the first, second and last third of the image. */
const model = {
  classes: 3,
  features: 64,
  forward: (x: Float32Array, rows: number) => {
    const logits = new Float32Array(rows * 3);
    for (let i = 0; i < rows * 64; i++) logits[Math.floor(i / 64) * 3 + Math.floor(((i % 64) * 3) / 64)]! += x[i]!;
    return Promise.resolve(logits);
  },
};
const left = Float32Array.from({ length: 64 }, (_, p) => (p < 22 ? 0.45 : 0));
const right = Float32Array.from({ length: 64 }, (_, p) => (p > 42 ? 1 : 0));
const both = Float32Array.from([...left, ...right]);

describe('examined rows', () => {
  it('carry the class of the model file and the enabled signals', async () => {
    const calibration = handMadeCalibration();
    calibration.signals.bandEnergy.enabled = false;
    // Squeezed to one bit, .45 becomes 0: the first row loses its class, the second stays as it is.
    expect(await examineRows(model, prepareSignals(calibration), both, 2)).toEqual([
      { class: 0, signals: { lowConfidence: 0, squeeze: 1 } },
      { class: 2, signals: { lowConfidence: 0, squeeze: 0 } },
    ]);
  });

  it('carry the class alone before there is a calibration', async () => {
    expect(await examineRows(model, null, both, 2)).toEqual([
      { class: 0, signals: {} },
      { class: 2, signals: {} },
    ]);
  });

  it('say the same in any company', async () => {
    const signals = prepareSignals(handMadeCalibration());
    const [first, second] = await examineRows(model, signals, both, 2);
    expect(await examineRows(model, signals, left, 1)).toEqual([first]);
    expect(await examineRows(model, signals, right, 1)).toEqual([second]);
  });
});
