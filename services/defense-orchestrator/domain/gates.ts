import type { EventData, RobustnessPolicy, RobustnessResult } from '#contracts';
import type { Defense, Gate } from './defense.js';
import { inWords, percent } from './proportion.js';

type Gates = RobustnessPolicy['spec']['gates'];
type ThreatModel = RobustnessPolicy['spec']['threatModel'];

/** Failed sanity checks that make every other number meaningless. Others are told in the certificate. */
const FATAL_FLAG = /\bnot a number\b|\bnan\b|\binfinit/i;

/** Accuracy under PGD at the radius that the policy is about. */
export const robustAccuracy = (result: RobustnessResult, epsilon: number) =>
  result.attacks.find((attack) => Math.abs(attack.epsilon - epsilon) < 1e-9)?.pgd ?? null;

const robustGate = (result: RobustnessResult, threatModel: ThreatModel, gates: Gates): Gate => {
  const measured = robustAccuracy(result, threatModel.epsilon);
  return {
    name: `accuracy under PGD, eps ${threatModel.epsilon}`,
    measured: measured?.value ?? null,
    required: `>= ${percent(gates.minimumRobustAccuracy)}`,
    passed: measured !== null && measured.value >= gates.minimumRobustAccuracy,
  };
};

/** Was measured what was asked for, as hard as was asked for? A trainer is judged too. */
const asAskedGate = (defense: Defense, evaluation: EventData<'evaluation.completed'>, context: Asked): Gate => {
  const { candidate, baseline, datasetSha256 } = evaluation;
  const { steps, restarts } = context.threatModel;
  const weak = (result: RobustnessResult) => result.attack.steps < steps || result.attack.restarts < restarts;
  const wrong = [
    candidate.sha256 !== defense.training?.candidate?.sha256 && 'another candidate',
    !baseline && 'no baseline',
    baseline && baseline.sha256 !== defense.baseline?.sha256 && 'another baseline',
    datasetSha256 !== context.datasetSha256 && 'another dataset',
    (weak(candidate) || (baseline && weak(baseline))) && 'a weaker attack',
  ].filter((problem) => typeof problem === 'string');
  return {
    name: 'evaluated as asked',
    measured: wrong.length === 0 ? 'yes' : wrong.join(', '),
    required: `candidate and baseline, PGD with ${steps} steps and ${restarts} restarts`,
    passed: wrong.length === 0,
  };
};

export interface Asked {
  threatModel: ThreatModel;
  gates: Gates;
  datasetSha256: string;
}

/** What a candidate has to pass before it may serve, as a table. All rows are judged, so that a refusal says everything. */
export function judge(defense: Defense, evaluation: EventData<'evaluation.completed'>, asked: Asked): Gate[] {
  const { candidate, baseline } = evaluation;
  const { threatModel, gates } = asked;
  const robust = robustAccuracy(candidate, threatModel.epsilon);
  const robustBefore = baseline && robustAccuracy(baseline, threatModel.epsilon);
  const cleanLoss = baseline && baseline.clean.value - candidate.clean.value;
  const fatal = candidate.flags.filter((flag) => FATAL_FLAG.test(flag));
  return [
    asAskedGate(defense, evaluation, asked),
    robustGate(candidate, threatModel, gates),
    {
      name: 'better than before under PGD',
      measured: robust?.value ?? null,
      required: robustBefore ? `> ${inWords(robustBefore)}` : 'the baseline’s accuracy',
      passed: robust !== null && !!robustBefore && robust.value > robustBefore.value,
    },
    {
      name: 'loss of clean accuracy',
      measured: cleanLoss,
      required: `<= ${percent(gates.maximumCleanLoss)}`,
      // Differences of shares carry rounding noise of 1e-16.
      passed: cleanLoss !== null && cleanLoss <= gates.maximumCleanLoss + 1e-12,
    },
    {
      name: 'numerically sound',
      measured: fatal.length === 0 ? 'yes' : fatal.join(', '),
      required: 'finite outputs and gradients',
      passed: fatal.length === 0,
    },
  ];
}

/** Does a model that serves already still hold what the policy asks of it? */
export const stillHolds = (result: RobustnessResult, threatModel: ThreatModel, gates: Gates): Gate =>
  robustGate(result, threatModel, gates);

const shown = ({ measured }: Gate) =>
  measured === null ? 'not measured' : typeof measured === 'number' ? percent(measured) : measured;

export const gateInWords = (gate: Gate) => `${gate.name}: ${shown(gate)} (${gate.required})`;

export function verdictInWords(gates: readonly Gate[]): string {
  const failed = gates.filter((gate) => !gate.passed);
  if (failed.length === 0) return `passed all ${gates.length} gates; ${gates.slice(1, 4).map(gateInWords).join('; ')}`;
  return `failed ${failed.length} of ${gates.length} gates; ${failed.map(gateInWords).join('; ')}`;
}
