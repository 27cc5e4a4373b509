import { writeNpz } from '#artifacts';
import {
  parsePolicy,
  type AccuracyWindow,
  type EventData,
  type RobustnessPolicy,
  type RobustnessResult,
} from '#contracts';
import { proportion } from '../domain/proportion.js';

/** What the other services say in tests. */

export const name = { namespace: 'ml', model: 'digits' };
export const sha = (digit: string) => digit.repeat(64);
export const file = (digit: string) => ({ uri: `file:///models/${digit}.onnx`, sha256: sha(digit) });
export const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();

type Spec = RobustnessPolicy['spec'];

/** The policy document of the tests, with parts of its spec replaced. */
export const policyDocument = (
  spec: { [K in keyof Spec]?: Partial<Spec[K]> } = {},
  files = { model: file('a').uri, data: file('d').uri },
) => ({
  apiVersion: 'antibody.dev/v1alpha1',
  kind: 'RobustnessPolicy',
  metadata: { name: 'digits', namespace: name.namespace },
  spec: {
    target: { model: name.model, revision: 'first', endpoint: 'http://127.0.0.1:1' },
    artifact: { uri: files.model },
    trustedDataset: { uri: files.data },
    inputs: { dims: [1, 28, 28], classes: 10, range: [0, 1] },
    threatModel: { norm: 'linf', epsilon: 0.3, steps: 40, restarts: 2 },
    alsoEvaluate: [0.1],
    gates: { minimumRobustAccuracy: 0.8, maximumCleanLoss: 0.03 },
    rollout: { steps: [10, 100], stepSeconds: 0, minimumLabelled: 0, timeoutSeconds: 60 },
    ...spec,
  },
});

export const policy = (spec: Parameters<typeof policyDocument>[0] = {}) => parsePolicy(policyDocument(spec));

/** A dataset that fits it: 2000 rows, told apart by their first pixels. */
export function trustedNpz(): Uint8Array {
  const n = 2000;
  const x = new Uint8Array(n * 28 * 28);
  for (let row = 0; row < n; row++) x.set([row & 255, row >> 8], row * 28 * 28);
  const y = Int32Array.from({ length: n }, (_, row) => row % 10);
  return writeNpz({ x: { shape: [n, 28, 28], data: x }, y: { shape: [n], data: y } });
}

const revised = (revision: string) => ({ ...name, revision });

export const anomalyRaised = (
  anomalyId: string,
  revision = 'first',
  openedAt = at(10),
): EventData<'anomaly.raised'> => ({
  ...revised(revision),
  anomalyId,
  calibration: null,
  openedAt,
  budget: 10_000,
  statistic: 12_000,
  signals: [],
  examined: 900,
  trigger: null,
  examples: [],
  tests: ['aim'],
  groupSize: 2,
  labelDeadlineSeconds: 60,
});

const verdict = (anomalyId: string, revision: string, decidedAt: string) => ({
  ...revised(revision),
  anomalyId,
  calibration: null,
  decidedAt,
  statement: 'The change in each request fits this request better than changes of others.',
  evidence: [],
  signals: [],
  budget: 10_000,
  requests: { sinceAlarm: 60 },
  examples: [],
});

export const attackDetected = (
  anomalyId: string,
  revision = 'first',
  decidedAt = at(20),
): EventData<'attack.detected'> => ({
  ...verdict(anomalyId, revision, decidedAt),
  severity: 'high',
  atlas: ['AML.T0043'],
});

export const driftDetected = (anomalyId: string, revision = 'first', decidedAt = at(20)): EventData<'drift.detected'> =>
  verdict(anomalyId, revision, decidedAt);

export const undetermined = (
  anomalyId: string,
  revision = 'first',
  decidedAt = at(20),
): EventData<'verdict.undetermined'> => ({ ...verdict(anomalyId, revision, decidedAt), reason: 'no-verdict' });

export const anomalyClosed = (anomalyId: string, revision = 'first'): EventData<'anomaly.closed'> => ({
  ...revised(revision),
  anomalyId,
  closedAt: at(500),
  reason: 'quiet',
  verdict: 'attack',
});

export const window = (
  to: string,
  counts: Partial<Pick<AccuracyWindow, 'n' | 'labelled' | 'correct' | 'errorAlarm'>> = {},
  revision = 'first',
): AccuracyWindow => ({
  ...revised(revision),
  from: at(0),
  to,
  n: 50,
  labelled: 50,
  correct: 48,
  errorEvidence: 1,
  errorAlarm: false,
  ...counts,
});

const trainer = 'trainer-1';

export const trainingCompleted = (
  jobId: string,
  defenseId: string,
  candidate = file('c'),
): EventData<'training.completed'> => ({
  ...name,
  jobId,
  defenseId,
  trainer,
  candidate,
  report: null,
  epochs: 6,
  seconds: 40,
});

export const jobFailed = (
  jobId: string,
  defenseId: string | null,
  cancelled = false,
): EventData<'training.failed'> => ({
  ...name,
  jobId,
  defenseId,
  trainer,
  reason: 'out of memory',
  cancelled,
});

const of1000 = (share: number) => proportion(Math.round(1000 * share), 1000)!;

export const robustness = (sha256: string, clean: number, pgd: number, flags: string[] = []): RobustnessResult => ({
  sha256,
  clean: of1000(clean),
  attacks: [0.3, 0.1].map((epsilon) => ({ epsilon, fgsm: of1000(Math.min(1, pgd + 0.02)), pgd: of1000(pgd) })),
  attack: { steps: 40, restarts: 2 },
  flags,
});

export const evaluationCompleted = (
  jobId: string,
  defenseId: string | null,
  results: { candidate?: RobustnessResult; baseline?: RobustnessResult | null; datasetSha256?: string } = {},
): EventData<'evaluation.completed'> => ({
  ...name,
  jobId,
  defenseId,
  trainer,
  datasetSha256: sha('d'),
  candidate: robustness(sha('c'), 0.98, 0.9),
  baseline: robustness(sha('a'), 0.99, 0.01),
  ...results,
});

export const calibrationCompleted = (
  jobId: string,
  defenseId: string | null,
  modelSha256 = sha('c'),
  datasetSha256 = sha('d'),
): EventData<'calibration.completed'> => ({
  ...name,
  jobId,
  defenseId,
  trainer,
  modelSha256,
  datasetSha256,
  calibration: { uri: `file:///calibrations/${modelSha256}.json`, sha256: sha('e') },
  summary: { method: 'v1', rows: 1000, signals: [], tests: [] },
});

const deployment = (deploymentId: string, defenseId: string, revision: string) => ({
  ...name,
  deploymentId,
  defenseId,
  revision,
});

export const deploymentCompleted = (
  deploymentId: string,
  defenseId: string,
  revision = 'rcccccccc',
): EventData<'deployment.completed'> => ({
  ...deployment(deploymentId, defenseId, revision),
  traffic: { [revision]: 100 },
});

export const deploymentFailed = (
  deploymentId: string,
  defenseId: string,
  revision = 'rcccccccc',
): EventData<'deployment.failed'> => ({
  ...deployment(deploymentId, defenseId, revision),
  reason: 'the server refused to load it',
});

export const deploymentRolledBack = (
  deploymentId: string,
  defenseId: string,
  revision = 'rcccccccc',
): EventData<'deployment.rolled-back'> => ({
  ...deploymentFailed(deploymentId, defenseId, revision),
  reason: 'live accuracy 40 %',
  atPercent: 10,
  canary: null,
});
