import { writeFile } from 'node:fs/promises';

import {
  type CompiledAttack,
  compileAttack,
  fgsm,
  largestPerturbation,
  predictions,
  random,
  worstCase,
} from '#adversarial';
import { wilson } from '#change-detection';
import { type Dataset, writeNpz } from '#artifacts';

import type { Command, Context } from '../command.js';
import { attackMemory, engineOf, engineReport, shapeOf } from '../engine.js';
import { settingsOf } from '../evaluation.js';
import { checkWritable, readModelFile, readRows } from '../files.js';
import { sample } from '../partition.js';
import { interval } from '../report/shares.js';
import { table } from '../report/text.js';
import { remaining } from '../terminal.js';
import { modelForData, STANDARDIZATION_HELP, STANDARDIZATION_OPTIONS, standardizationOf } from '../standardization.js';
import { COMMON_HELP, DATA_HELP, DATA_OPTIONS, sourceOf, THREAT_OPTIONS, threatOf } from '../threat.js';

const ATTACKS = ['fgsm', 'pgd'] as const;

export const attack: Command = {
  summary: 'adversarial examples as a file, for other tools',
  help: `antibody attack MODEL.onnx --data test.npz --eps 0.3 --out adversarial.npz [options]

Attacks every row and writes an .npz with x (the attacked rows, as the model takes them), y (the true labels) and
predicted (what the model says to x). PGD writes the first point that fools the model, else the last one it tried.

Example: examples that fool one model, to try on another
  antibody attack a.onnx --data test.npz --attack pgd --eps 0.1 --out fooled.npz
  antibody evaluate b.onnx --data fooled.npz --eps 0.01

Attack
  --attack NAME       pgd (default) | fgsm
  --eps NUMBER        how far it may go, in the units of the model's input
  --norm NAME         linf (default): each value by eps; l2: the whole row by eps, as a distance
  --steps INTEGER     of PGD (default 40)
  --restarts INTEGER  of PGD (default 10)
Data
${DATA_HELP}
${STANDARDIZATION_HELP}
  --rows INTEGER      only so many rows, a fair sample (default: all)
Output
  --out FILE          the .npz to write
${COMMON_HELP}

Exit code: 0 done, 2 bad input.
`,
  options: {
    values: [
      ...DATA_OPTIONS,
      ...STANDARDIZATION_OPTIONS,
      ...THREAT_OPTIONS,
      'steps',
      'restarts',
      'rows',
      'attack',
      'out',
    ],
  },
  async run(args, context) {
    const name = args.oneOf('attack', ATTACKS, 'pgd');
    const threat = threatOf(args);
    const settings = settingsOf(args, threat);
    const source = sourceOf(args);
    const out = args.required('out', 'adversarial.npz');
    const rows = args.text('rows') === undefined ? undefined : args.integer('rows', { low: 1, high: 2 ** 31 });
    await checkWritable('out', out);
    const engine = await engineOf(args.common);
    const file = await readModelFile(args.model);
    const standardization = standardizationOf(args, file);
    const model = modelForData(file, standardization);
    const data = sample(await readRows(source, await shapeOf(model, engine)), rows);

    const memory = await attackMemory(model, { norm: threat.norm, rows: data.n }, engine, context);

    const started = context.now();
    const { executor } = engine;
    const compiled = await compileAttack(model, { executor, norm: threat.norm, batch: memory.rowsAtOnce });
    try {
      const clean = await predictions(compiled, data.x, threat.range);
      const x =
        name === 'fgsm' ? await fgsm(compiled, data, threat) : await pgdPoints(compiled, data, settings, context);
      const predicted = await predictions(compiled, x, threat.range);
      await writeFile(
        out,
        writeNpz({
          x: { shape: [data.n, ...data.dims], data: x },
          y: { shape: [data.n], data: data.y },
          predicted: { shape: [data.n], data: predicted },
        }),
      );
      const right = (classes: Int32Array) =>
        wilson(classes.filter((label, row) => label === data.y[row]).length, data.n);
      const accuracy = { clean: right(clean), [name]: right(predicted) };
      const largest = largestPerturbation(threat.norm, x, data.x, compiled.features);
      return {
        code: 0,
        json: {
          model: args.model,
          data: { path: source.path, rows: data.n },
          threat,
          standardization: standardization && { mean: standardization.mean, std: standardization.deviation },
          accuracy,
          largestPerturbation: largest,
          out,
          seconds: (context.now() - started) / 1000,
          memory,
          engine: engineReport(engine),
        },
        text: [
          table([
            ['', 'accuracy, 95 % interval'],
            ...Object.entries(accuracy).map(([key, value]) => [key, interval(value)]),
          ]),
          `  largest perturbation ${Number(largest.toPrecision(6))}\n  ${data.n} rows written to ${out}`,
        ].join('\n\n'),
      };
    } finally {
      await compiled.release();
    }
  },
};

async function pgdPoints(
  compiled: CompiledAttack,
  data: Dataset,
  { threat, steps, restarts, seed }: ReturnType<typeof settingsOf>,
  { terminal, signal, now }: Context,
): Promise<Float32Array> {
  const left = remaining(now);
  const onProgress = (done: number) => terminal.progress('attacking', done, left(done));
  const { x } = await worstCase([compiled], data, threat, {
    steps,
    restarts,
    random: random(seed),
    signal,
    onProgress,
  });
  return x;
}
