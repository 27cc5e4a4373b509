import { writeFile } from 'node:fs/promises';

import type { Command } from '../command.js';
import { attackMemory, engineOf, engineReport, shapeOf } from '../engine.js';
import { evaluateModel, settingsOf, STRENGTH_OPTIONS } from '../evaluation.js';
import { checkWritable, readModelFile, readRows } from '../files.js';
import { illustrate } from '../illustration.js';
import { pictureOf } from '../layout.js';
import { sample } from '../partition.js';
import { htmlReport } from '../report/html.js';
import { evaluationText } from '../report/text.js';
import { modelForData, STANDARDIZATION_HELP, STANDARDIZATION_OPTIONS, standardizationOf } from '../standardization.js';
import { COMMON_HELP, DATA_HELP, DATA_OPTIONS, sourceOf, THREAT_OPTIONS, threatOf } from '../threat.js';

export const evaluate: Command = {
  summary: 'how accurate a model is, clean and under attack',
  help: `antibody evaluate MODEL.onnx --data test.npz --eps 0.3 [options]

Accuracy with 95 % intervals: on the rows as they are (clean), after one gradient step of the whole radius (fgsm), and
against PGD with random restarts (pgd), where a row stands only if no point of any start fools the model. What stands goes
on to the next attack: PGD on the margin (cw), Auto-PGD on cross-entropy and towards each likely class (apgd-ce, apgd-dlr),
and one that sees scores only (square). Then the classes one by one, and every sign that the numbers are better than the
model.

Example: how does a digit classifier stand against changes of at most 0.1 a pixel?
  antibody evaluate mnist.onnx --data test.npz --eps 0.1

Threat
  --eps NUMBER        how far an attacker may go, in the units of the model's input
  --norm NAME         linf (default): each value by eps; l2: the whole row by eps, as a distance
Data
${DATA_HELP}
${STANDARDIZATION_HELP}
  --rows INTEGER      only so many rows, a fair sample (default: all)
Strength
  --attacks LIST      after FGSM and PGD: all (default) | none | some of cw, apgd-ce, apgd-dlr, square
  --steps INTEGER     of every gradient attack (default 40)
  --restarts INTEGER  of every gradient attack but apgd-dlr, which tries at most 9 target classes (default 10)
  --queries INTEGER   of square (default 1000)
Output
  --html FILE         a report with the curve of accuracy against epsilon, and pictures of attacked rows
${COMMON_HELP}

Exit code: 0 done, 2 bad input.
`,
  options: { values: [...DATA_OPTIONS, ...STANDARDIZATION_OPTIONS, ...THREAT_OPTIONS, ...STRENGTH_OPTIONS, 'html'] },
  async run(args, context) {
    const threat = threatOf(args);
    const strength = settingsOf(args, threat);
    const source = sourceOf(args);
    const rows = args.text('rows') === undefined ? undefined : args.integer('rows', { low: 1, high: 2 ** 31 });
    const html = args.text('html');
    if (html !== undefined) await checkWritable('html', html);
    const engine = await engineOf(args.common);
    const file = await readModelFile(args.model);
    const standardization = standardizationOf(args, file);
    const model = modelForData(file, standardization);
    const read = await readRows(source, await shapeOf(model, engine));
    const data = sample(read, rows);

    const memory = await attackMemory(model, { norm: threat.norm, rows: data.n }, engine, context);
    const settings = { ...strength, batch: memory.rowsAtOnce };

    const started = context.now();
    const evaluation = await evaluateModel(model, data, settings, engine, context);
    const seconds = (context.now() - started) / 1000;
    const { norm, epsilon, range } = threat;
    const title = `${args.model} on ${data.n} rows of ${source.path}`;
    const facts = [
      `${norm}, eps ${epsilon}, inputs ${range[0]} to ${range[1]}`,
      `${seconds.toFixed(1)} s on ${engine.name} (${engine.why}) with ${engine.threads} threads`,
      ...(memory.split ? [`attacks took ${memory.split}`] : []),
    ];
    if (html !== undefined) {
      const illustration = await illustrate(model, data, settings, engine, context);
      const parts = [{ name: 'accuracy', evaluation, illustration }];
      await writeFile(html, htmlReport({ title, facts, threat, picture: pictureOf(data.dims, source.layout), parts }));
    }
    return {
      code: 0,
      json: {
        model: args.model,
        data: { path: source.path, rows: data.n, layout: source.layout ?? null, classNames: read.classNames ?? null },
        threat: { norm, epsilon, range },
        standardization: standardization && { mean: standardization.mean, std: standardization.deviation },
        attack: { steps: settings.steps, restarts: settings.restarts, queries: settings.queries, seed: settings.seed },
        ...evaluation,
        seconds,
        memory,
        engine: engineReport(engine),
      },
      text: [title, `  ${facts.join('; ')}`, evaluationText(evaluation)].join('\n\n'),
    };
  },
};
