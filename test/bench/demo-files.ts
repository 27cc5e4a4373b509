import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { sha256 } from '#artifacts';
import type { Detection, EventData, InputContract } from '#contracts';
import { MODEL, prepare, type Prepared } from '#testbed';

/** The demo's model as it is protected at the start, with the calibration that comes with it. */
export interface DemoFiles {
  traffic: Prepared['traffic'];
  modelFile: string;
  calibrationFile: string;
  calibrationSha256: string;
  detection: Detection;
  inputs: InputContract;
  /** What the orchestrator says of it; `name` and `detection` to say otherwise. */
  protection(name: string, detection?: Partial<Detection>): EventData<'protection.updated'>;
}

export function demoFiles(folder: string): DemoFiles {
  const { traffic, modelFile, modelSha256, policy } = prepare(folder, { attackEps: 0.1 });
  const { detection, inputs } = policy('http://127.0.0.1').spec;
  const calibrations = join(folder, 'artifacts', 'calibrations');
  const calibrationFile = join(calibrations, readdirSync(calibrations)[0]!);
  const calibrationSha256 = sha256(readFileSync(calibrationFile));
  const file = (path: string, hash: string) => ({ uri: pathToFileURL(path).href, sha256: hash });
  return {
    traffic,
    modelFile,
    calibrationFile,
    calibrationSha256,
    detection,
    inputs: inputs!,
    protection: (name, changes = {}) => ({
      namespace: MODEL.namespace,
      model: name,
      inputs,
      detection: { ...detection, ...changes },
      revisions: [
        {
          revision: MODEL.revision,
          modelFile: file(modelFile, modelSha256),
          calibration: file(calibrationFile, calibrationSha256),
          certified: false,
        },
      ],
    }),
  };
}
