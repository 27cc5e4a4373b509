/** Trains the classifier that the demo serves, on the training part alone: `node dist/scripts/train-demo-model.js [file]`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { evaluateRobustness, trainClassifier } from '#adversarial';
import type { Proportion } from '#change-detection';
import { sha256 } from '#artifacts';
import { mnistCnn, ortExecutor, parseModel, patchWeights } from '#onnx-autodiff';

import { digitParts } from '../libs/testbed/digits.js';

const file = process.argv[2] ?? 'libs/testbed/models/mnist-cnn.onnx';
const range = [0, 1] as const;
const seed = 1;
const recipe = { epochs: 8, batchSize: 64, learningRate: 4e-3 };
const executor = ortExecutor({ threads: 2 });

const { training, validation, certificate } = digitParts();
const untrained = parseModel(mnistCnn(seed));
const { weights, report } = await trainClassifier(
  untrained,
  training,
  validation,
  { recipe, range, seed },
  { executor, progressEvery: Infinity },
);
const bytes = patchWeights(untrained, weights);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, bytes);
console.log(
  `${file}: sha256 ${sha256(bytes)}, epoch ${report.chosenEpoch}, ${report.seconds.toFixed(1)} s of training`,
);

const robustness = await evaluateRobustness(parseModel(bytes), certificate, {
  ...{ executor, norm: 'linf', range, epsilons: [0.1, 0.2, 0.3], steps: 40, restarts: 10, seed },
});
const percent = ({ value, low, high }: Proportion) =>
  `${[value, low, high].map((p) => (100 * p).toFixed(1)).join(' / ')} %`;
console.log(`certificate part, ${certificate.n} rows (value / low / high): clean ${percent(robustness.clean)}`);
for (const { epsilon, fgsm, pgd } of robustness.attacks) {
  console.log(`  epsilon ${epsilon}: FGSM ${percent(fgsm)}, PGD-40 x 10 ${percent(pgd)}`);
}
for (const flag of robustness.flags) console.log(`  flag: ${flag}`);
