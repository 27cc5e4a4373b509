import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { fitTraining, memoryReport, type Recipe } from '#adversarial';

import type { Arguments } from '../arguments.js';
import { checkpointFile } from '../checkpointFile.js';
import type { Command } from '../command.js';
import { attackMemory, engineOf, engineReport, shapeOf } from '../engine.js';
import { UsageError } from '../errors.js';
import { settingsOf, STRENGTH_OPTIONS } from '../evaluation.js';
import { checkWritable, readModelFile, readRows } from '../files.js';
import { hardenAndJudge, type HardeningPlan, type Parts } from '../hardening.js';
import { pictureOf } from '../layout.js';
import { partition, sample } from '../partition.js';
import { RECIPE_FLAGS, RECIPE_HELP, RECIPE_OPTIONS, recipeOf } from '../recipes.js';
import { htmlReport } from '../report/html.js';
import { comparisonText } from '../report/text.js';
import { duration } from '../terminal.js';
import { modelForData, STANDARDIZATION_HELP, STANDARDIZATION_OPTIONS, standardizationOf } from '../standardization.js';
import { COMMON_HELP, DATA_HELP, DATA_OPTIONS, sourceOf, THREAT_OPTIONS, threatOf } from '../threat.js';

export const harden: Command = {
  summary: 'the same model with weights that stand attacks, and the proof',
  help: `antibody harden MODEL.onnx --data train.npz --eps 0.3 --out hard.onnx [options]

Adversarial training from the model's own weights. The file that is written differs from the one read in its weights
alone. Before and after are measured on rows that training never sees; the new model is written to --out only if it
stands attacks better, is about as accurate on clean rows, and its numbers can be believed. Else it goes to
OUT.rejected.onnx, the exit code is 1, and the report says which gate failed.

Example: a digit classifier against changes of at most 0.1 a pixel, in five minutes at most
  antibody harden mnist.onnx --data train.npz --test test.npz --eps 0.1 --time-budget 5m --out hard.onnx

Threat
  --eps NUMBER        how far an attacker may go, in the units of the model's input
  --norm NAME         linf (default): each value by eps; l2: the whole row by eps, as a distance
Data
${DATA_HELP}
${STANDARDIZATION_HELP}
  --test FILE         rows for before and after; without it a tenth of --data is kept apart
  --test-labels FILE  the IDX file of labels, where --test is one of images
Training
${RECIPE_HELP}
  --time-budget TIME  training ends after 90s, 10m, 1h30m ... with the best epoch so far
  --resume            goes on where an interrupted run with the same options stopped (OUT.checkpoint)
Proof
  --attacks LIST      after FGSM and PGD: all | none (default) | some of cw, apgd-ce, apgd-dlr, square
  --steps INTEGER     of every gradient attack (default 40)
  --restarts INTEGER  of every gradient attack but apgd-dlr, which tries at most 9 target classes (default 10)
  --queries INTEGER   of square (default 1000)
  --rows INTEGER      of the test rows, a fair sample (default 1000)
  --max-clean-loss X  how much clean accuracy may be lost (default 0.05: five points)
Output
  --out FILE          the hardened model
  --html FILE         a report of before and after, with curves and pictures
${COMMON_HELP}

Ctrl-C stops with exit code 130 and leaves OUT.checkpoint for --resume.
Exit code: 0 hardened, 1 a gate failed, 2 bad input.
`,
  options: {
    values: [
      ...[
        ...DATA_OPTIONS,
        ...STANDARDIZATION_OPTIONS,
        ...THREAT_OPTIONS,
        ...STRENGTH_OPTIONS,
        'test',
        'test-labels',
        'recipe',
        'epochs',
        'batch',
      ],
      ...['time-budget', 'out', 'max-clean-loss', 'html', ...RECIPE_OPTIONS],
    ],
    flags: ['resume', ...RECIPE_FLAGS],
  },
  async run(args, context) {
    const plan = planOf(args);
    await checkWritable('out', plan.out);
    if (plan.html !== undefined) await checkWritable('html', plan.html);
    const checkpoint = checkpointFile(plan.out);
    if (plan.resume && !(await checkpoint.load())) throw new UsageError(`--resume: there is no ${checkpoint.path}`);
    const engine = await engineOf(args.common);
    const file = await readModelFile(args.model);
    const standardization = standardizationOf(args, file);
    const model = modelForData(file, standardization);
    const shape = await shapeOf(model, engine);
    const recipe = recipeOf(args, file);
    const parts = await partsOf(args, { ...plan, recipe }, shape);

    const attacks = await attackMemory(model, { norm: plan.threat.norm, rows: parts.test.n }, engine, context);
    const training = memoryReport(
      await fitTraining(
        model,
        { recipe, threat: plan.threat, seed: plan.settings.seed },
        { executor: engine.executor, limit: engine.memoryLeft() },
      ),
    );
    if (training.split) context.terminal.line(`training takes ${training.split}`);
    const memory = { attacks, training };

    const started = context.now();
    const result = await hardenAndJudge(
      model,
      parts,
      {
        ...{ ...plan, recipe, standardization, rowsAtOnce: training.rowsAtOnce },
        settings: { ...plan.settings, batch: attacks.rowsAtOnce },
      },
      checkpoint,
      engine,
      context,
    );
    const seconds = (context.now() - started) / 1000;
    const { threat } = plan;
    const { steps, restarts, queries, seed } = plan.settings;
    const { norm, epsilon, range } = threat;
    const { before, after, gate, out, rejected, illustrations } = result;
    if (plan.html !== undefined) {
      const page = {
        title: `${args.model}, hardened against ${norm} ${epsilon}`,
        facts: [
          `measured on ${parts.test.n} rows that training did not see; inputs ${range[0]} to ${range[1]}`,
          `${duration(seconds)} on ${engine.name} (${engine.why}) with ${engine.threads} threads`,
          ...(training.split ? [`training took ${training.split}`] : []),
        ],
        threat,
        picture: pictureOf(parts.test.dims, plan.settings.layout),
        verdict: gate.checks.map(({ name, passed, detail }) => ({ passed, text: `${name}: ${detail}` })),
        parts: illustrations.map(([name, illustration]) => ({
          name,
          illustration,
          evaluation: name === 'before' ? before : after!,
        })),
      };
      await writeFile(plan.html, htmlReport(page));
    }
    return {
      code: gate.passed ? 0 : 1,
      json: {
        model: args.model,
        threat: { norm, epsilon, range },
        standardization: standardization && { mean: standardization.mean, std: standardization.deviation },
        attack: { steps, restarts, queries, seed },
        recipe,
        rows: { training: parts.training.n, validation: parts.validation.n, test: parts.test.n },
        ...{ before, after, gate, out, rejected, training: result.training, seconds, memory },
        engine: engineReport(engine),
      },
      text: comparisonText({
        ...{ before, after, gate, out, rejected, seconds },
        training: result.training,
        split: training.split,
      }),
    };
  },
};

function planOf(args: Arguments): Omit<HardeningPlan, 'standardization' | 'recipe' | 'rowsAtOnce' | 'settings'> & {
  settings: ReturnType<typeof settingsOf>;
  rows: number;
  html: string | undefined;
} {
  const threat = threatOf(args);
  const out = args.required('out', 'hard.onnx');
  if (resolve(out) === resolve(args.model)) throw new UsageError('--out is the model itself; name another file');
  return {
    threat,
    settings: settingsOf(args, threat, []),
    timeBudgetSeconds: args.duration('time-budget'),
    maxCleanLoss: args.number('max-clean-loss', { low: 0, high: 1, fallback: 0.05 }),
    rows: args.integer('rows', { low: 1, high: 2 ** 31, fallback: 1000 }),
    out,
    html: args.text('html'),
    illustrated: args.text('html') !== undefined,
    resume: args.flag('resume'),
  };
}

/** Rows that choose the epoch: more make each epoch slower, not better. */
const VALIDATION_ROWS = 300;
const MIN_VALIDATION_ROWS = 20;

/** By the hash of each row: equal rows never come into two parts, and the parts do not depend on the order of the file. */
async function partsOf(
  args: Arguments,
  { rows, recipe: { batchSize } }: { rows: number; recipe: Recipe },
  shape: { dims: readonly number[]; classes: number },
): Promise<Parts> {
  const data = await readRows(sourceOf(args), shape);
  const own =
    args.text('test') === undefined ? undefined : await readRows(sourceOf(args, 'test', 'test-labels'), shape);
  const parts = own
    ? { ...partition(data, { training: 0.9, validation: 0.1 }), test: own }
    : partition(data, { training: 0.8, validation: 0.1, test: 0.1 });
  if (parts.training.n < batchSize || parts.validation.n < MIN_VALIDATION_ROWS || parts.test.n === 0)
    throw new UsageError(
      `--data: ${data.n} rows are too few: ${parts.training.n} are left to train with batches of ${batchSize}, ` +
        `${parts.validation.n} to choose the epoch (at least ${MIN_VALIDATION_ROWS}), ${parts.test.n} to test`,
    );
  return { ...parts, validation: sample(parts.validation, VALIDATION_ROWS), test: sample(parts.test, rows) };
}
