import { evaluateRobustness, fitAttack } from '#adversarial';
import type { EvaluationRequested, RobustnessResult } from '#contracts';
import { firstRows, readModel, readParts } from './files.js';
import { replyTo, type Outcome } from './job.js';
import type { Tools } from './tools.js';

/** Rows of the certificate part that are attacked: 500 give intervals of some +-4 points. */
const ROWS = 500;

/** Clean and robust accuracy of candidate and baseline on the certificate part, by an attack stronger than the one trained on. */
export async function evaluate(request: EvaluationRequested, tools: Tools): Promise<Outcome> {
  const { store, executor, trainer, signal } = tools;
  const { dataset, threatModel, epsilons, seed } = request;
  const rows = firstRows((await readParts(store, dataset)).certificate, ROWS);
  const measure = async (file: { uri: string; sha256: string }): Promise<RobustnessResult> => {
    const model = await readModel(store, file);
    const { norm } = threatModel;
    const { rows: batch } = await fitAttack(model, { executor, norm, rows: rows.n, limit: tools.memoryLeft() });
    const { clean, attacks, attack, flags } = await evaluateRobustness(model, rows, {
      executor,
      norm,
      batch,
      range: dataset.inputs.range,
      epsilons,
      steps: threatModel.steps,
      restarts: threatModel.restarts,
      seed,
      signal,
    });
    return {
      sha256: file.sha256,
      clean,
      attacks: attacks.map(({ epsilon, fgsm, pgd }) => ({ epsilon, fgsm, pgd })),
      attack,
      flags,
    };
  };
  const candidate = await measure(request.candidate);
  const baseline = request.baseline && (await measure(request.baseline));
  return {
    event: 'evaluation.completed',
    data: { ...replyTo(request), trainer, datasetSha256: dataset.sha256, candidate, baseline },
  };
}
