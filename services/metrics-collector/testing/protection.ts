import { DEFAULT_DETECTION, type EventData } from '#contracts';

const SHA = 'a'.repeat(64);
export const CALIBRATION_ID = 'c'.repeat(64);

/** A model of four features and three classes that is watched in full, for examiners that need no files. */
export const protectionOf = (model: string, revisions: string[], full = true): EventData<'protection.updated'> => ({
  namespace: 'ml',
  model,
  inputs: full ? { dims: [4], classes: 3, range: [0, 1] } : null,
  detection: { ...DEFAULT_DETECTION, maxExaminedPerSecond: 100_000 },
  revisions: revisions.map((revision) => ({
    revision,
    modelFile: full ? { uri: 'file:///model.onnx', sha256: SHA } : null,
    calibration: full ? { uri: 'file:///calibration.json', sha256: CALIBRATION_ID } : null,
    certified: false,
  })),
});
