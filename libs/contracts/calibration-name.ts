import { createHash } from 'node:crypto';
import type { CalibrationRequested } from './events/jobs.js';

type Calibrated = Pick<CalibrationRequested, 'modelFile' | 'dataset' | 'threatModel' | 'seed'>;

/**
 * Name of a calibration in the artifact store: everything that its numbers depend on. Whoever asks for the same again, also after
 * months, gets the same file. `method`: version of the calibration method.
 */
export function calibrationName({ modelFile, dataset, threatModel, seed }: Calibrated, method: string): string {
  const { inputs, shares } = dataset;
  const { norm, epsilon } = threatModel;
  const settings = [
    [inputs.dims, inputs.classes, inputs.range],
    [shares.training, shares.validation, shares.calibration, shares.certificate],
    [norm, epsilon, seed],
  ];
  const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 16);
  return `calibrations/${modelFile.sha256}-${dataset.sha256}-${digest}-${method}.json`;
}
