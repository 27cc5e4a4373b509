import { Fraction, Nullable, Sha256, Type, Uri, nameOf, type Static } from './schema.js';
import { InvalidInputError, parser } from './validation.js';

const strict = { additionalProperties: false };

/** What one row of input looks like. */
export const InputContract = Type.Object(
  {
    dims: Type.Array(Type.Integer({ minimum: 1 }), {
      minItems: 1,
      maxItems: 4,
      description: 'one row, e.g. [1, 28, 28] = channels, height, width',
    }),
    classes: Type.Integer({ minimum: 2, description: 'number of scores in an answer' }),
    range: Type.Tuple([Type.Number(), Type.Number()], { description: 'smallest and largest valid input value' }),
  },
  strict,
);
export type InputContract = Static<typeof InputContract>;

/**
 * What the rows of the trusted dataset may be used for, as shares of 1: the parts are disjoint, by a hash of each row, so that a
 * row keeps its part when others come and go. What is left over is not used.
 */
export const DatasetShares = Type.Object(
  {
    training: Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'hardens the model' }),
    validation: Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'chooses the checkpoint' }),
    calibration: Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'sets what detection tolerates' }),
    certificate: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'judges the candidate; nothing else ever sees it',
    }),
  },
  strict,
);
export type DatasetShares = Static<typeof DatasetShares>;

export const ThreatModel = Type.Object(
  {
    norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')]),
    epsilon: Type.Number({ exclusiveMinimum: 0, description: 'radius of the ball around an input, in input units' }),
    steps: Type.Integer({ minimum: 1, maximum: 1000, description: 'PGD steps of the evaluation' }),
    restarts: Type.Integer({ minimum: 1, maximum: 100, description: 'random restarts of the evaluation' }),
  },
  strict,
);
export type ThreatModel = Static<typeof ThreatModel>;

/** As a policy asks for it: one step is FGSM, and one start may get stuck where the loss is flat. */
const JudgingThreatModel = Type.Object(
  {
    norm: Type.Union([Type.Literal('linf'), Type.Literal('l2')], { description: 'what the radius is measured in' }),
    epsilon: ThreatModel.properties.epsilon,
    steps: Type.Integer({
      minimum: 2,
      maximum: 1000,
      description: 'PGD steps that judge a model: not fewer than `training.recipe.attackSteps`',
    }),
    restarts: Type.Integer({
      minimum: 2,
      maximum: 100,
      description: 'random starts of that PGD; the worst of them counts for each row',
    }),
  },
  strict,
);

export const Detection = Type.Object(
  {
    budget: Type.Number({ minimum: 100, description: 'N: at most one false alarm per N examined rows' }),
    tolerances: Type.Record(Type.String(), Fraction, {
      description: 'signal to the tolerated share; overrides calibration; needed for custom signals',
    }),
    thresholds: Type.Array(
      Type.Object(
        {
          signal: Type.String({ description: '`error`, one that calibration enables, or one of your own' }),
          above: Type.Number({ minimum: 0, maximum: 1, description: 'largest mean that is no alarm' }),
          window: Type.Integer({ minimum: 1, maximum: 100_000, description: 'latest values of the signal' }),
        },
        strict,
      ),
      { description: 'plain rules beside the detectors: they are simple, and promise no rate of false alarms' },
    ),
    requestId: Type.String({
      pattern: '^(ce-id|v2-id|header:[A-Za-z0-9-]+)$',
      description:
        'under which id labels come: `ce-id` of the logged event, `v2-id` in the body, or a logged header as `header:X-Request-Id`',
    }),
    onUndetermined: Type.Union([Type.Literal('ask'), Type.Literal('harden'), Type.Literal('ignore')], {
      description:
        'ask waits for a person; harden retrains on a mere anomaly: it can be triggered by drift and costs a training each time; ignore does nothing',
    }),
    maxExaminedPerSecond: Type.Number({
      exclusiveMinimum: 0,
      description: 'above this rate a random share is examined',
    }),
    undeterminedAfter: Type.Integer({
      minimum: 10,
      description: 'examined rows after which an open verdict ends undetermined',
    }),
    labelDeadlineSeconds: Type.Integer({ minimum: 0, description: 'how long a verdict waits for labels' }),
    labelGroupSize: Type.Union([Type.Literal(2), Type.Literal(4)], {
      description: '2 when most labels arrive, 4 when few do',
    }),
    quietAfter: Type.Integer({ minimum: 10, description: 'unremarkable rows after which an anomaly closes' }),
  },
  strict,
);
export type Detection = Static<typeof Detection>;

export const Recipe = Type.Object(
  {
    name: Type.Enum(['pgd', 'trades', 'fgsm-rs'], {
      type: 'string', // a schema of Kubernetes must name it
      description:
        'pgd: attacked rows alone (Madry et al. 2018); trades: clean rows, and agreement of attacked ones (Zhang et al. 2019); fgsm-rs: one long step, several once one proves too few (Wong et al. 2020)',
    }),
    attackSteps: Type.Integer({ minimum: 1, maximum: 100, description: 'of the attack on each batch; 1 for fgsm-rs' }),
    epochs: Type.Integer({ minimum: 1, maximum: 1000, description: 'passes over the training part' }),
    batchSize: Type.Integer({ minimum: 1, maximum: 4096, description: 'rows in a step' }),
    learningRate: Type.Number({ exclusiveMinimum: 0, description: 'peak of the triangular schedule' }),
    epsilonFactor: Type.Number({ minimum: 1, maximum: 2, description: 'training radius over the threat model’s' }),
    beta: Type.Optional(Type.Number({ minimum: 0, description: 'weight of the agreement in trades; 1 if not given' })),
    optimizer: Type.Optional(
      Type.Enum(['adam', 'sgd'], { type: 'string', description: 'adam if not given; sgd has momentum 0.9' }),
    ),
    weightDecay: Type.Optional(
      Type.Number({ minimum: 0, description: 'share of each weight taken off per unit of learning rate' }),
    ),
    clipNorm: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: 'longest gradient over all weights' })),
    labelSmoothing: Type.Optional(
      Type.Number({ minimum: 0, exclusiveMaximum: 1, description: 'share of each label spread over all classes' }),
    ),
    averaging: Type.Optional(
      Type.Number({
        minimum: 0,
        exclusiveMaximum: 1,
        description: 'decay of the running mean of the weights, e.g. 0.995',
      }),
    ),
    batchStatistics: Type.Optional(
      Type.Boolean({
        description: 'batch normalisation follows the training batches; if not given, its running statistics stay',
      }),
    ),
    augmentation: Type.Optional(
      Type.Object(
        {
          shift: Type.Integer({ minimum: 0, maximum: 64, description: 'pixels that a picture is moved at most' }),
          flip: Type.Boolean({ description: 'half of the pictures are mirrored' }),
          channelsLast: Type.Boolean({ description: 'rows lie as height, width, channels' }),
        },
        { ...strict, description: 'changes of the training rows that keep their label' },
      ),
    ),
  },
  strict,
);
export type Recipe = Static<typeof Recipe>;

export const Rollout = Type.Object(
  {
    steps: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
      minItems: 1,
      maxItems: 20,
      description: 'percent of the traffic, rising to 100',
    }),
    stepSeconds: Type.Number({ minimum: 0, description: 'shortest stay on each step' }),
    minimumLabelled: Type.Integer({ minimum: 0, description: 'labelled rows of the canary needed to judge a step' }),
    timeoutSeconds: Type.Integer({
      minimum: 1,
      description: 'longest wait for readiness, and for labels at each step',
    }),
  },
  strict,
);
export type Rollout = Static<typeof Rollout>;

const Gates = Type.Object(
  {
    minimumRobustAccuracy: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'accuracy of the hardened model under the threat model’s PGD',
    }),
    maximumCleanLoss: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'clean accuracy that the hardened model may lose',
    }),
  },
  strict,
);

const defaultShares: DatasetShares = { training: 0.75, validation: 0.05, calibration: 0.12, certificate: 0.08 };

const defaults = {
  detection: {
    budget: 10_000,
    tolerances: {},
    thresholds: [],
    requestId: 'ce-id',
    onUndetermined: 'ask',
    maxExaminedPerSecond: 200,
    undeterminedAfter: 3000,
    labelDeadlineSeconds: 600,
    labelGroupSize: 2,
    quietAfter: 300,
  },
  training: {
    recipe: { name: 'pgd', attackSteps: 3, epochs: 6, batchSize: 64, learningRate: 0.012, epsilonFactor: 1 },
    timeBudgetSeconds: 3600,
    seed: 1,
  },
  rollout: { steps: [10, 50, 100], stepSeconds: 60, minimumLabelled: 0, timeoutSeconds: 900 },
  approval: 'automatic',
  coolDownSeconds: 3600,
};

/** How one model is protected. A YAML document locally, a Kubernetes custom resource of the same shape in a cluster. */
export const RobustnessPolicy = Type.Object(
  {
    apiVersion: Type.Literal('antibody.dev/v1alpha1'),
    kind: Type.Literal('RobustnessPolicy'),
    metadata: Type.Object(
      { name: nameOf('of the policy; '), namespace: nameOf('of policy and model, part of every subject; ') },
      strict,
    ),
    spec: Type.Object(
      {
        target: Type.Object(
          {
            model: nameOf('as samples, labels and the logger’s URL name it; '),
            revision: nameOf('that serves now; '),
            endpoint: Type.String({ minLength: 1, description: 'base URL of the server' }),
          },
          strict,
        ),
        artifact: Nullable(Type.Object({ uri: Uri, sha256: Type.Optional(Sha256) }, strict), {
          description:
            'the served model as an ONNX file; without it labels and samples of your own are all that is watched',
        }),
        trustedDataset: Nullable(
          Type.Object({ uri: Uri, sha256: Type.Optional(Sha256), shares: DatasetShares }, strict),
          { description: 'calibrates, hardens and judges; needed with `artifact`' },
        ),
        inputs: Nullable(InputContract, { description: 'needed with `artifact`' }),
        threatModel: JudgingThreatModel,
        alsoEvaluate: Type.Array(Type.Number({ exclusiveMinimum: 0 }), {
          maxItems: 7,
          description: 'further radii for the certificate',
        }),
        detection: Detection,
        training: Type.Object(
          {
            recipe: Recipe,
            timeBudgetSeconds: Type.Integer({ minimum: 1, description: 'the best epoch until then is the candidate' }),
            seed: Type.Integer({ minimum: 0, description: 'of the first training; each further one adds 1' }),
          },
          strict,
        ),
        gates: Gates,
        rollout: Rollout,
        approval: Type.Union([Type.Literal('automatic'), Type.Literal('manual')], {
          description: 'manual: a person approves each defense before it trains',
        }),
        coolDownSeconds: Type.Integer({ minimum: 0, description: 'rest after a defense before the next may begin' }),
      },
      strict,
    ),
  },
  strict,
);
export type RobustnessPolicy = Static<typeof RobustnessPolicy>;

/** What holds for a model that nobody wrote a policy for, known only from samples that somebody publishes. */
export const DEFAULT_DETECTION = { ...defaults.detection, tolerances: { error: 0.05 } } as Detection;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `given` over `fallback`, object by object; arrays and values are replaced whole. */
function withDefaults(fallback: Json, given: Json): Json {
  const merged: Json = { ...fallback, ...given };
  for (const [key, value] of Object.entries(fallback)) {
    if (isObject(value) && isObject(given[key])) merged[key] = withDefaults(value, given[key]);
  }
  return merged;
}

const parse = parser('policy', RobustnessPolicy);

/** Fills the defaults in and validates. Throws InvalidInputError that names the field. */
export function parsePolicy(document: unknown): RobustnessPolicy {
  if (!isObject(document) || !isObject(document.spec)) return parse(document);
  const optional = { artifact: null, trustedDataset: null, inputs: null, alsoEvaluate: [], ...defaults };
  const spec = withDefaults(optional, document.spec);
  if (isObject(spec.trustedDataset)) spec.trustedDataset = withDefaults({ shares: defaultShares }, spec.trustedDataset);
  const policy = parse({ ...document, spec });
  checkAcrossFields(policy);
  return policy;
}

type Spec = RobustnessPolicy['spec'];

function refuse(field: string, problem: string): never {
  throw new InvalidInputError('policy', field, problem);
}

function checkAcrossFields({ spec }: RobustnessPolicy): void {
  if (!/^https?:$/.test(URL.canParse(spec.target.endpoint) ? new URL(spec.target.endpoint).protocol : ''))
    refuse('spec.target.endpoint', 'must be the server’s URL, such as http://mnist.ml.svc:8080');
  const { steps } = spec.rollout;
  if (steps.at(-1) !== 100 || steps.some((step, i) => i > 0 && step <= (steps[i - 1] ?? 0))) {
    refuse('spec.rollout.steps', 'must rise to 100, e.g. [10, 50, 100]');
  }
  checkAttacks(spec);
  checkFiles(spec);
  if (spec.inputs) checkRange(spec.inputs, spec.threatModel);
}

/** A model is never judged by an attack that is weaker than the one it was trained on. */
function checkAttacks({ threatModel, training: { recipe } }: Spec): void {
  if (recipe.name === 'fgsm-rs' && recipe.attackSteps !== 1)
    refuse('spec.training.recipe.attackSteps', 'must be 1 for fgsm-rs');
  if (threatModel.steps < recipe.attackSteps)
    refuse(
      'spec.threatModel.steps',
      `is ${threatModel.steps}, less than the ${recipe.attackSteps} of spec.training.recipe.attackSteps: a model is judged by an attack at least as strong as the one it was trained on`,
    );
}

function checkFiles({ artifact, inputs, trustedDataset }: Spec): void {
  if (artifact && !inputs) refuse('spec.inputs', 'is needed with spec.artifact: dims, classes and range of one row');
  if (artifact && !trustedDataset)
    refuse('spec.trustedDataset', 'is needed with spec.artifact: calibration and hardening use it');
  if (trustedDataset && !artifact)
    refuse(
      'spec.artifact',
      'is needed with spec.trustedDataset: without the model’s file nothing can be done with the data',
    );
  const shares = Object.values(trustedDataset?.shares ?? {}).reduce((sum, share) => sum + share, 0);
  if (shares > 1 + 1e-9) refuse('spec.trustedDataset.shares', `sum to ${shares}, more than 1`);
}

function checkRange({ range: [low, high] }: InputContract, { norm, epsilon }: ThreatModel): void {
  if (low >= high) refuse('spec.inputs.range', 'must be [smallest, largest]');
  if (norm === 'linf' && epsilon >= high - low) {
    refuse('spec.threatModel.epsilon', `must be smaller than the input range (${high - low})`);
  }
}
