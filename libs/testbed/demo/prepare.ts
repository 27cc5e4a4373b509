import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { pickRows, sha256, writeNpz, type Dataset } from '#artifacts';
import { METHOD } from '#change-detection';
import { calibrationName, parsePolicy, type RobustnessPolicy } from '#contracts';
import { parseModel } from '#onnx-autodiff';
import { projectRoot } from '../project-root.js';
import { digitParts, digitShares, type DigitPart } from '../digits.js';
import { UsageError } from './options.js';

/** Files of the project that the demo reads: models and its policy. */
const testbed = join(projectRoot, 'libs/testbed');
export const DEMO_MODEL = join(testbed, 'models/mnist-cnn.onnx');
const DEMO_CALIBRATION = join(testbed, 'models/mnist-cnn.calibration.json');
const DEMO_POLICY = join(testbed, 'demo/policy.yaml');

export interface Prepared {
  /** The served model's file, in the run's artifact folder. */
  modelFile: string;
  modelSha256: string;
  /** Of the trusted dataset. */
  datasetSha256: string;
  /** Rows that neither model nor calibration nor certificate have seen: what clients send. */
  traffic: Dataset;
  /** The policy, once it is known where the predictor listens. */
  policy: (endpoint: string) => RobustnessPolicy;
}

export interface PrepareOptions {
  model?: string;
  policy?: string;
  /** Radius of the attack: the certificate holds it beside the policy's own. */
  attackEps: number;
  /** Changes to the policy's spec, e.g. a quicker rollout for tests. */
  spec?: object;
  /** At most so many rows of each part, for whom the loop matters and not how good the model becomes; all of the other parts. */
  rows?: Partial<Record<DigitPart, number>>;
}

const bytesOf = ({ x }: Dataset) => Uint8Array.from(x, (value) => Math.round(value * 255));

/** The trusted dataset: every digit but those of the traffic. The policy's shares cut it into the same parts again. */
function trustedNpz(parts: ReturnType<typeof digitParts>): Uint8Array {
  const trusted = [parts.training, parts.validation, parts.calibration, parts.certificate];
  const n = trusted.reduce((sum, part) => sum + part.n, 0);
  return writeNpz({
    x: { shape: [n, 1, 28, 28], data: Uint8Array.from(Buffer.concat(trusted.map(bytesOf))) },
    y: { shape: [n], data: Uint8Array.from(trusted.flatMap(({ y }) => [...y])) },
  });
}

type PolicyDocument = { spec?: Record<string, unknown> } | null;

/** What a user gave us: whatever is wrong with it is said in one line that names the option. */
function given<T>(option: string, file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UsageError(`${option} ${file}: ${code === 'ENOENT' ? 'there is no such file' : message.split('\n')[0]}`);
  }
}

/** Fills a run's folder: artifacts (model, trusted dataset, the calibration that comes with the demo's model), and the policy. */
export function prepare(folder: string, options: PrepareOptions): Prepared {
  const artifacts = join(folder, 'artifacts');
  const path = (name: string) => {
    const file = join(artifacts, name);
    mkdirSync(dirname(file), { recursive: true });
    return file;
  };
  const modelFile = path('models/mnist-cnn.onnx');
  const source = options.model ?? DEMO_MODEL;
  given('--model', source, () => parseModel(readFileSync(source)));
  copyFileSync(source, modelFile);
  const modelSha256 = sha256(readFileSync(modelFile));

  const datasetFile = path('data/digits.npz');
  const { training, validation, calibration, certificate } = digitShares;
  const trusted = { uri: pathToFileURL(datasetFile).href, shares: { training, validation, calibration, certificate } };
  const policyFile = options.policy ?? DEMO_POLICY;
  const document = given('--policy', policyFile, () => parse(readFileSync(policyFile, 'utf8')) as PolicyDocument);
  const policy = (endpoint: string, trustedDataset: object) =>
    parsePolicy({
      ...document,
      metadata: { name: 'mnist', namespace: 'demo' }, // the traffic's, whatever the file says
      spec: {
        ...document?.spec,
        ...options.spec,
        target: { model: 'mnist', revision: 'r1', endpoint },
        artifact: { uri: pathToFileURL(modelFile).href, sha256: modelSha256 },
        trustedDataset,
        alsoEvaluate: [options.attackEps],
      },
    });
  given('--policy', policyFile, () => policy('http://127.0.0.1', trusted)); // a mistake is told before the dear part

  const parts = digitParts();
  // A row's part follows from the row alone, so the shares cut the smaller dataset into the same parts.
  for (const [part, most] of Object.entries(options.rows ?? {}) as [DigitPart, number][])
    parts[part] = pickRows(parts[part], [...parts[part].y.keys()].slice(0, most));
  const dataset = trustedNpz(parts);
  const datasetSha256 = sha256(dataset);
  writeFileSync(datasetFile, dataset);
  const { spec } = policy('http://127.0.0.1', { ...trusted, sha256: datasetSha256 });
  // The demo's model comes with its calibration. Another one, or another policy's, is made first.
  if (modelSha256 === sha256(readFileSync(DEMO_MODEL)) && policyFile === DEMO_POLICY) {
    const request = {
      modelFile: { uri: spec.artifact!.uri, sha256: modelSha256 },
      dataset: { ...spec.trustedDataset!, sha256: datasetSha256, inputs: spec.inputs! },
      threatModel: spec.threatModel,
      seed: spec.training.seed,
    };
    copyFileSync(DEMO_CALIBRATION, path(calibrationName(request, METHOD)));
  }
  return {
    modelFile,
    modelSha256,
    datasetSha256,
    traffic: parts.traffic,
    policy: (endpoint) => policy(endpoint, { ...trusted, sha256: datasetSha256 }),
  };
}
