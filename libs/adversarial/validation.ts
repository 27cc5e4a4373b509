import { type Classifier, type Executor, floats, type Tensor, weightInputs, Graph } from '#onnx-autodiff';

import { type CompiledAttack, compileAttackOn } from './attackGraph.js';
import { fgsm } from './attacks/fgsm.js';
import { predictions } from './attacks/predictions.js';
import { worstCase } from './attacks/worstCase.js';
import type { Tensors } from './checkpoint.js';
import { type Dataset, largestCount, pickRows } from './dataset.js';
import { random } from './random.js';
import type { ThreatModel } from './threatModel.js';

/** Judges weights in the middle of a training: enough to choose a checkpoint, not a proof. */
export interface Validator {
  measure(weights: Tensors, signal?: AbortSignal): Promise<Validation>;
  release(): Promise<void>;
}

export interface Validation {
  clean: number;
  /** Under FGSM from the rows themselves; by far above `robust` where single steps alone have been learnt. */
  fgsm: number;
  /** Under PGD with restarts; the clean accuracy itself where epsilon is 0. */
  robust: number;
  /** Share of the rows that get the most frequent answer, whatever the label. */
  commonest: number;
}

/** Long ones, as many in two starts cost a third of an epoch of 9,000 small pictures: ten rank weights as well. */
const STEPS = 10;
const RESTARTS = 2;

export async function compileValidator(
  classifier: Classifier,
  data: Dataset,
  threat: ThreatModel,
  options: { executor: Executor; seed: number },
): Promise<Validator> {
  let feeds: Record<string, Tensor> = {};
  const attack = await compileAttackOn(
    classifier,
    { ...options, norm: threat.norm, batch: classifier.batch },
    () => feeds,
  );
  return {
    async measure(weights, signal) {
      feeds = weightFeeds(classifier, weights);
      return measure(attack, data, threat, options.seed, signal);
    },
    release: () => attack.release(),
  };
}

async function measure(
  attack: CompiledAttack,
  data: Dataset,
  threat: ThreatModel,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Validation> {
  const predicted = await predictions(attack, data.x, threat.range);
  const right = [...data.y.keys()].filter((row) => predicted[row] === data.y[row]);
  const clean = right.length / data.n;
  const commonest = largestCount(predicted) / data.n;
  if (threat.epsilon === 0 || right.length === 0) return { clean, fgsm: clean, robust: clean, commonest };
  const rows = pickRows(data, right);
  const afterFgsm = await predictions(attack, await fgsm(attack, rows, threat), threat.range);
  const { standing } = await worstCase([attack], rows, threat, {
    steps: STEPS,
    restarts: RESTARTS,
    random: random(seed),
    signal,
  });
  const share = (stands: (row: number) => boolean) => right.filter((_, row) => stands(row)).length / data.n;
  return {
    clean,
    fgsm: share((row) => afterFgsm[row] === rows.y[row]),
    robust: share((row) => standing[row] === true),
    commonest,
  };
}

/** Tensors for the inputs that `weightInputs` makes. */
function weightFeeds(classifier: Classifier, weights: Tensors): Record<string, Tensor> {
  const names = weightInputs(new Graph(), classifier);
  const values = [...classifier.parameters, ...classifier.statistics];
  const laidOut = classifier.toLayout(weights);
  return Object.fromEntries(
    values.map(([name, tensor]) => [
      names.get(name)!,
      laidOut.has(name) ? floats(laidOut.get(name)!, tensor.dims) : tensor,
    ]),
  );
}
