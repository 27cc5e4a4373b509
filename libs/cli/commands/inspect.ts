import { fitTraining, hardenModel, memoryReport, random } from '#adversarial';
import { sha256 } from '#artifacts';
import { type Classifier, type OnnxModel, UnsupportedModelError } from '#onnx-autodiff';

import type { Command, Context } from '../command.js';
import { type Engine, engineOf, engineReport, shapeOf } from '../engine.js';
import { modelOf, readInput } from '../files.js';
import { layoutOf } from '../layout.js';
import { recipes } from '../recipes.js';
import { table } from '../report/text.js';
import { duration } from '../terminal.js';
import { COMMON_HELP } from '../threat.js';

export const inspect: Command = {
  summary: 'what a model is, whether it can be hardened, and what that would cost',
  help: `antibody inspect MODEL.onnx [options]

Input, output, layout, parameters and operations; whether the model can be attacked and hardened, or which operation
stands in the way; how long hardening would take, measured on a few real steps; and how much memory, predicted, with the
rows of a batch that are then computed at once.

Example
  antibody inspect mnist.onnx

Options
  --images INTEGER    rows of training data for the predicted time (default 10000)
${COMMON_HELP}

Exit code: 0 it can be hardened, 1 it cannot, 2 not an ONNX model.
`,
  options: { values: ['images'] },
  async run(args, context) {
    const images = args.integer('images', { low: 1, high: 2 ** 31, fallback: 10_000 });
    const bytes = await readInput('model', args.model);
    const file = { model: args.model, bytes: bytes.length, sha256: sha256(bytes) };
    const engine = await engineOf(args.common);
    try {
      const model = await modelOf(bytes, args.model);
      const { classifier } = await shapeOf(model, engine);
      const description = { ...file, ...describe(model, classifier), hardenable: true, reason: null };
      const costs = await measureCosts(model, classifier, images, engine, context);
      const json = {
        ...description,
        predicted: { images, recipes: costs },
        engine: engineReport(engine),
      };
      return { code: 0, json, text: textOf(json) };
    } catch (error) {
      if (!(error instanceof UnsupportedModelError)) throw error;
      const { message: reason, op = null, node = null, opset = null } = error;
      return {
        code: 1,
        json: { ...file, hardenable: false, reason, op, node, opset },
        text: `${args.model}: cannot be attacked or hardened\n  ${reason}`,
      };
    }
  },
};

interface Description {
  opset: number;
  input: OnnxModel['input'] & { layout: string | null };
  output: { name: string; dims: readonly (number | null)[]; classes: number };
  /** What training changes. */
  parameters: { tensors: number; numbers: number };
  /** Running means and variances of batch normalisation, which stay as they are unless the recipe says otherwise. */
  statistics: { tensors: number; numbers: number };
  operations: Readonly<Record<string, number>>;
}

function describe({ opset, input, output, operations }: OnnxModel, classifier: Classifier): Description {
  const count = (tensors: Classifier['parameters']) => ({
    tensors: tensors.size,
    numbers: [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0),
  });
  return {
    opset,
    input: { ...input, layout: layoutOf(classifier.inputDims.slice(1)) ?? null },
    output: { ...output, classes: classifier.classes },
    parameters: count(classifier.parameters),
    statistics: count(classifier.statistics),
    operations,
  };
}

interface Cost {
  secondsPerStep: number;
  seconds: number;
  /** Predicted for the whole process, but for the training data. */
  memoryMiB: number;
  rowsAtOnce: number;
}

/** The first step also warms caches up. */
const STEPS = 4;

/** Runs the first steps of a hardening on noise, for each recipe, and stops it there. */
async function measureCosts(
  model: OnnxModel,
  { inputDims, classes }: Classifier,
  images: number,
  { executor, memoryLeft }: Engine,
  { signal, now, terminal }: Context,
): Promise<Record<string, Cost>> {
  const dims = inputDims.slice(1);
  const features = dims.reduce((product, size) => product * size, 1);
  const noise = random(1);
  const costs: Record<string, Cost> = {};
  for (const [index, [name, recipe]] of Object.entries(recipes).entries()) {
    terminal.progress(`measuring ${name}`, index / Object.keys(recipes).length);
    const n = STEPS * recipe.batchSize;
    const x = Float32Array.from({ length: n * features }, noise.next);
    const data = { x, y: Int32Array.from({ length: n }, (_, row) => row % classes), n, dims, classes };
    const enough = new AbortController();
    const times: number[] = [];
    const onProgress = () => {
      times.push(now());
      if (times.length === STEPS) enough.abort();
    };
    const plan = {
      recipe: { ...recipe, epochs: 2 },
      threat: { norm: 'linf', epsilon: 0.1, range: [0, 1] },
      seed: 1,
    } as const;
    const own = process.memoryUsage().rss / 2 ** 20;
    const { rowsAtOnce, predictedMiB } = memoryReport(
      await fitTraining(model, plan, { executor, limit: memoryLeft() }),
    );
    const hooks = {
      executor,
      rowsAtOnce,
      onProgress,
      progressEvery: 1,
      signal: AbortSignal.any([signal, enough.signal]),
    };
    await hardenModel(model, data, data, plan, hooks).catch((error: unknown) => {
      if (signal.aborted || !enough.signal.aborted) throw error;
    });
    const secondsPerStep = (times.at(-1)! - times[0]!) / 1000 / (times.length - 1);
    const steps = Math.floor(images / recipe.batchSize) * recipe.epochs;
    costs[name] = {
      secondsPerStep,
      seconds: secondsPerStep * steps,
      memoryMiB: Math.ceil(own + predictedMiB),
      rowsAtOnce,
    };
  }
  return costs;
}

function textOf(
  model: Description & {
    model: string;
    bytes: number;
    predicted: { images: number; recipes: Record<string, Cost> };
    engine: Omit<Engine, 'executor' | 'memoryLeft'>;
  },
): string {
  const { input, output, parameters, statistics, predicted, engine } = model;
  const shape = (dims: readonly (number | null)[]) => `[${dims.map((dim) => dim ?? 'any').join(', ')}]`;
  const operations = Object.entries(model.operations).map(([op, count]) => `${op} ${count}`);
  const kept =
    statistics.tensors > 0
      ? `; ${statistics.numbers} running statistics stay as they are (but for --batch-statistics)`
      : '';
  return [
    `${model.model}: ${model.bytes} bytes, opset ${model.opset}; can be attacked and hardened`,
    table(
      [
        ['input', `"${input.name}" ${shape(input.dims)} ${input.type}${input.layout ? `, ${input.layout}` : ''}`],
        ['output', `"${output.name}" ${shape(output.dims)}, ${output.classes} classes`],
        ['parameters', `${parameters.numbers} in ${parameters.tensors} tensors${kept}`],
        ['operations', operations.join(', ')],
      ].map(([name = '', value = '']) => [`${name.padEnd(12)}${value}`]),
    ),
    `  hardening with ${predicted.images} images on ${engine.name} (${engine.why}), ${engine.threads} threads (without validation)`,
    table([
      ['recipe', 'a step', 'in all', 'memory', 'rows at once'],
      ...Object.entries(predicted.recipes).map(([name, { secondsPerStep, seconds, memoryMiB, rowsAtOnce }]) => [
        name,
        `${(secondsPerStep * 1000).toFixed(1)} ms`,
        duration(seconds),
        `${memoryMiB} MiB`,
        `${rowsAtOnce}`,
      ]),
    ]),
    '  memory is what these graphs are predicted to need at most; the training data come on top',
  ].join('\n\n');
}
