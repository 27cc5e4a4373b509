import { availableParallelism } from 'node:os';
import { evaluateRobustness, hardenModel, trainClassifier, type Dataset, type Recipe } from '#adversarial';
import { splitByHash } from '#artifacts';
import { mnistCnn, ortExecutor, parseModel, patchWeights, type OnnxModel } from '#onnx-autodiff';
import { digits as allDigits } from '#testbed';
import { recipes } from '../../libs/cli/recipes.js';
import type { Bench } from './bench.js';

const SEEDS = [1, 2, 3];
const TRAINED_ON = 9000;
/** Of those, the rows that choose the epoch. */
const VALIDATION = 300;
const threat = { norm: 'linf', epsilon: 0.3, range: [0, 1] } as const;

/** `strong` takes minutes and is left out. */
const compared: Record<string, Recipe> = {
  fast: recipes.fast,
  balanced: recipes.balanced,
  'balanced, trades': { ...recipes.balanced, name: 'trades' },
  'balanced, sgd': { ...recipes.balanced, optimizer: 'sgd', learningRate: 0.1, clipNorm: 5 },
};

/** What hardening makes of 9,000 of the digits in the npm package, measured on the other 1,000. */
export const digits: Bench = {
  name: 'digits',
  description: "accuracy and seconds of each recipe: the demo's network hardened on 9,000 digits, tested on the others",
  async run(say) {
    const executor = ortExecutor({ threads: availableParallelism() });
    const { all } = splitByHash(allDigits(), { all: 1 });
    const training = rows(all, 0, TRAINED_ON - VALIDATION);
    const validation = rows(all, TRAINED_ON - VALIDATION, TRAINED_ON);
    const test = rows(all, TRAINED_ON, all.n);
    say('training the network that is hardened');
    const untrained = parseModel(mnistCnn(1));
    const plain = { recipe: { epochs: 8, batchSize: 64, learningRate: 4e-3 }, range: threat.range, seed: 1 };
    const { weights } = await trainClassifier(untrained, training, validation, plain, { executor });
    const start = parseModel(patchWeights(untrained, weights));

    const measure = async (model: OnnxModel) => {
      const attack = { norm: threat.norm, range: threat.range, epsilons: [threat.epsilon], steps: 40, restarts: 10 };
      const { clean, attacks } = await evaluateRobustness(model, test, { ...attack, executor, seed: 1 });
      return { clean: 100 * clean.value, robust: 100 * attacks[0]!.pgd.value };
    };
    const before = await measure(start);
    const measures = [];
    for (const [name, recipe] of Object.entries(compared)) {
      const runs = [];
      for (const seed of SEEDS) {
        say(`${name}, seed ${seed}`);
        const plan = { recipe, threat, seed };
        const cpu = process.cpuUsage();
        const { weights, report } = await hardenModel(start, training, validation, plan, { executor });
        const { user, system } = process.cpuUsage(cpu);
        const accuracy = await measure(parseModel(patchWeights(start, weights)));
        runs.push({ ...accuracy, seconds: report.seconds, processor: (user + system) / 1e6 });
      }
      measures.push(
        { what: `${name}: clean`, unit: '%', values: runs.map(({ clean }) => clean) },
        { what: `${name}: PGD-40, 10 starts`, unit: '%', values: runs.map(({ robust }) => robust) },
        { what: `${name}: hardening`, unit: 's', values: runs.map(({ seconds }) => seconds) },
        { what: `${name}: its processor time`, unit: 's', values: runs.map(({ processor }) => processor) },
      );
    }
    return {
      measures,
      notes: [
        `Linf ${threat.epsilon}; runs differ in their seed. ${test.n} test rows; before: ${before.clean.toFixed(1)} % clean, ${before.robust.toFixed(1)} % under PGD.`,
        'Hardening includes the validation of its epochs, not the training of the network that it starts from.',
      ],
    };
  },
};

function rows(data: Dataset, start: number, end: number): Dataset {
  const features = data.x.length / data.n;
  const x = data.x.subarray(start * features, end * features);
  return { ...data, n: end - start, x, y: data.y.subarray(start, end) };
}
