import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileAttack, fgsm, pgd, random, type Dataset, type ThreatModel } from '#adversarial';
import { ortExecutor, parseModel } from '#onnx-autodiff';

export type AttackKind = { name: 'fgsm' } | { name: 'pgd'; steps: number };

const BATCH = 50;

/** Every row of the dataset, attacked white-box against the model in this file. */
export async function adversarialRows(
  uri: string,
  data: Dataset,
  kind: AttackKind,
  threat: ThreatModel,
  seed: number,
): Promise<Float32Array> {
  const model = parseModel(await readFile(fileURLToPath(uri)));
  const attack = await compileAttack(model, { executor: ortExecutor({ threads: 1 }), norm: threat.norm, batch: BATCH });
  try {
    if (kind.name === 'fgsm') return await fgsm(attack, data, threat);
    return await pgd(attack, data, threat, { steps: kind.steps, random: random(seed) });
  } finally {
    await attack.release();
  }
}
