import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  compileAttack,
  type CompiledAttack,
  fgsm,
  predictions,
  random,
  runFurtherAttacks,
  type Rows,
  type ThreatModel,
  worstCase,
} from '#adversarial';
import { pickRows, writeNpz } from '#artifacts';
import { ortExecutor, parseModel, type OnnxModel } from '#onnx-autodiff';
import { digitParts } from '#testbed';
import type { Bench, Measure } from './bench.js';
import { demoFiles } from './demo-files.js';
import { pythonWith, startPeer } from './peers.js';
import { summarize } from './summary.js';
import { inTemporaryFolder } from './temporary-folder.js';

const ROWS = 500;
const ROUNDS = 3;
/** At this radius some rows of the demo's model fall to each attack, and some stand. */
const threat: ThreatModel = { norm: 'linf', epsilon: 0.08, range: [0, 1] };
const strength = { steps: 20, restarts: 5, queries: 300 };
const compared = ['fgsm', 'pgd', 'apgd-ce', 'apgd-dlr', 'square'] as const;
type Attack = (typeof compared)[number];

/** What `antibody evaluate` runs, one attack at a time on all rows, beside torchattacks. */
export const attacks: Bench = {
  name: 'attacks',
  description: `seconds of each attack of 'antibody evaluate' on ${ROWS} digits, beside torchattacks`,
  run: (say) =>
    inTemporaryFolder(async (folder) => {
      const model = parseModel(readFileSync(demoFiles(folder).modelFile));
      const { validation } = digitParts();
      const rows = pickRows(validation, [...Array(ROWS).keys()]);
      const python = pythonWith('torch', 'torchattacks');
      const peer = python && (await startPeer(python, 'attacks_peer.py', peerArguments(folder, rows, model), threads));
      const began = performance.now();
      const compiled = await compileAttack(model, { executor: ortExecutor({ threads }), norm: threat.norm, batch: 64 });
      const compiling = (performance.now() - began) / 1000;
      const measures: Measure[] = [{ what: 'compiling for fgsm and pgd', unit: 's', values: [compiling] }];
      for (const attack of compared) {
        const ours: Measured[] = [];
        const theirs: Measured[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          ours.push(await timed(() => standingAfter(attack, model, compiled, rows)));
          if (peer) theirs.push(parsed(await peer.ask(attack)));
        }
        const percent = (measured: readonly Measured[]) => measured.map(({ standing }) => (100 * standing) / ROWS);
        measures.push({ what: `${attack}`, unit: 's', values: ours.map(({ seconds }) => seconds) });
        measures.push({ what: `${attack}: rows that stand`, unit: '%', values: percent(ours) });
        if (peer) {
          const ratios = theirs.map(({ seconds }, round) => seconds / ours[round]!.seconds);
          measures.push({ what: `${attack}: torchattacks`, unit: 'times', values: ratios });
          measures.push({ what: `${attack}: rows that stand, torchattacks`, unit: '%', values: percent(theirs) });
          say(`${attack}: torchattacks takes ${summarize(measures.at(-2)!).median?.toPrecision(3)} times as long`);
        } else say(attack);
      }
      await compiled.release();
      if (peer) await peer.end();
      const notes = [
        `Linf, epsilon ${threat.epsilon}; ${strength.steps} steps, PGD with ${strength.restarts} restarts (torchattacks: MultiAttack), APGD-DLR with 9 targets, ${strength.queries} queries of Square; ${threads} threads. Compiling is part of our seconds but for fgsm and pgd, loading PyTorch none of theirs.`,
      ];
      if (!peer)
        notes.push(
          'torchattacks beside it: `v/bin/pip install torch torchattacks` and set ANTIBODY_PYTHON=v/bin/python.',
        );
      return { measures, notes };
    }),
};

interface Measured {
  seconds: number;
  standing: number;
}

const threads = availableParallelism();

function peerArguments(folder: string, rows: Rows, model: OnnxModel): string[] {
  const weights = model.parameters.map(({ name, dims, data }) => [name, { shape: [...dims], data }] as const);
  const file = join(folder, 'rows.npz');
  writeFileSync(
    file,
    writeNpz({
      ...Object.fromEntries(weights),
      x: { shape: [ROWS, 1, 28, 28], data: rows.x },
      y: { shape: [ROWS], data: rows.y },
    }),
  );
  return [file, ...[threads, threat.epsilon, strength.steps, strength.restarts, strength.queries].map(String)];
}

/** FGSM and PGD run on what `evaluate` compiles once for both; the others compile for themselves. */
async function standingAfter(attack: Attack, model: OnnxModel, compiled: CompiledAttack, rows: Rows): Promise<number> {
  const executor = ortExecutor({ threads });
  const picture = { height: 28, width: 28, channels: 1, channelsLast: false };
  if (attack !== 'fgsm' && attack !== 'pgd') {
    const data = { ...rows, n: ROWS, dims: [1, 28, 28], classes: 10 };
    const options = { executor, threat, ...strength, restarts: 1, seed: 1, picture };
    const [found] = await runFurtherAttacks(model, data, [...rows.y.keys()], [attack], options);
    return found!.standing.length;
  }
  if (attack === 'pgd') {
    const worst = await worstCase([compiled], rows, threat, { ...strength, random: random(1) });
    return worst.standing.filter(Boolean).length;
  }
  const predicted = await predictions(compiled, await fgsm(compiled, rows, threat), threat.range);
  return predicted.filter((label, row) => label === rows.y[row]).length;
}

async function timed(work: () => Promise<number>): Promise<Measured> {
  const began = performance.now();
  const standing = await work();
  return { seconds: (performance.now() - began) / 1000, standing };
}

function parsed(answer: string): Measured {
  const [seconds = NaN, standing = NaN] = answer.split(' ').map(Number);
  return { seconds, standing };
}
