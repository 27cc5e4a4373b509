import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { largestPerturbation, trainClassifier } from '#adversarial';
import { type Dataset, readNpz, splitByHash, writeNpz } from '#artifacts';
import { ModelBuilder, ortExecutor, parseModel, patchWeights } from '#onnx-autodiff';
import { digits } from '#testbed';

jest.setTimeout(120_000);

const MAIN = join(process.cwd(), 'dist/libs/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'antibody-cli-'));
const path = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the built command in the test's folder, on one thread of the CPU; `interruptAt` sends Ctrl-C when it shows on standard error. */
function antibody(args: string, interruptAt?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const words = [...args.split(' '), '--threads', '1', '--engine', 'onnxruntime'];
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr, interrupted] = ['', '', false];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => {
      stderr += data.toString();
      if (!interruptAt?.test(stderr) || interrupted) return;
      interrupted = true;
      child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function json<T>(args: string, code = 0): Promise<T> {
  const ended = await antibody(`${args} --json --quiet`);
  expect(ended).toMatchObject({ code, stderr: '' });
  return JSON.parse(ended.stdout) as T;
}

interface Share {
  value: number;
  low: number;
  high: number;
  n: number;
}
interface Evaluated {
  accuracy: Record<string, Share>;
  classes: { robust: Share }[];
  largestPerturbation: number;
  flags: string[];
}

interface Predicted {
  seconds: number;
  memoryMiB: number;
  rowsAtOnce: number;
}

const save = (name: string, { x, y, n, dims }: Dataset) =>
  writeFileSync(path(name), writeNpz({ x: { shape: [n, ...dims], data: x }, y: { shape: [n], data: y } }));

let test: Dataset;

beforeAll(async () => {
  const parts = splitByHash(digits(), { training: 0.15, validation: 0.01, test: 0.02 });
  test = parts.test;
  save('train.npz', parts.training);
  save('test.npz', test);
  const untrained = parseModel(
    new ModelBuilder({ input: [1, 28, 28], seed: 1 }).flatten().dense(32).relu().dense(10).build(),
  );
  const plan = { recipe: { epochs: 4, batchSize: 32, learningRate: 5e-3 }, range: [0, 1], seed: 1 } as const;
  const executor = ortExecutor({ threads: 1 });
  const { weights } = await trainClassifier(untrained, parts.training, parts.validation, plan, { executor });
  writeFileSync(path('mlp.onnx'), patchWeights(untrained, weights));
});

describe('inspect', () => {
  it('says what the model is and what hardening would cost', async () => {
    const seen = await json<Record<string, unknown>>('inspect mlp.onnx');
    expect(seen).toMatchObject({
      hardenable: true,
      input: { name: 'input', dims: [null, 1, 28, 28], layout: 'nchw' },
      output: { classes: 10 },
      parameters: { tensors: 4, numbers: 784 * 32 + 32 + 320 + 10 },
      operations: { Flatten: 1, Gemm: 2, Relu: 1 },
    });
    const { recipes } = (seen as { predicted: { recipes: Record<string, Predicted> } }).predicted;
    expect(Object.keys(recipes)).toEqual(['fast', 'balanced', 'strong']);
    expect(Object.values(recipes).every(({ seconds, memoryMiB }) => seconds > 0 && memoryMiB > 50)).toBe(true);
    expect(Object.values(recipes).map(({ rowsAtOnce }) => rowsAtOnce)).toEqual([32, 64, 64]);
  });

  it('names the operation that stands in the way', async () => {
    writeFileSync(path('odd.onnx'), new ModelBuilder({ input: [4], seed: 1 }).dense(3).layer('Bernoulli').build());
    const seen = await json('inspect odd.onnx', 1);
    expect(seen).toMatchObject({ hardenable: false, op: 'Bernoulli', opset: 17 });
  });
});

describe('evaluate', () => {
  const args = 'evaluate mlp.onnx --data test.npz --eps 0.02 --rows 80 --steps 5 --restarts 2 --queries 20';

  it('gives one object with an interval for each attack, each of which leaves fewer rows', async () => {
    const { accuracy, classes, flags, largestPerturbation: largest } = await json<Evaluated>(args);
    expect(Object.keys(accuracy)).toEqual(['clean', 'fgsm', 'pgd', 'cw', 'apgd-ce', 'apgd-dlr', 'square']);
    for (const { value, low, high, n } of Object.values(accuracy))
      expect(low <= value && value <= high && n === 80).toBe(true);
    const values = Object.values(accuracy).map(({ value }) => value);
    expect(values[0]).toBeGreaterThan(0.8);
    expect(values.slice(2)).toEqual(values.slice(2).toSorted((a, b) => b - a));
    expect(values.at(-1)).toBeGreaterThan(0);
    expect(values.at(-1)).toBeLessThan(values[0]!);
    expect(classes.reduce((sum, { robust }) => sum + robust.value * robust.n, 0)).toBeCloseTo(80 * values.at(-1)!, 6);
    expect(largest).toBeCloseTo(0.02, 5);
    expect(flags).toEqual([]);
  });

  it('as text, with progress on standard error and a page', async () => {
    const { code, stdout, stderr } = await antibody(`${args} --attacks none --html report.html`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/clean +\d+\.\d % .*\n +fgsm .*\n +pgd /);
    expect(stderr).toMatch(/evaluating: pgd +100 %/);
    const html = readFileSync(path('report.html'), 'utf8');
    expect(html).toMatch(/<polyline[^]*data:image\/png;base64/);
  });

  it('takes MNIST’s own files, gzipped', async () => {
    const header = (type: number[], sizes: number[]) =>
      Buffer.from([...type, ...sizes.flatMap((size) => [0, 0, size >> 8, size & 255])]);
    const pixels = Buffer.from(test.x.map((value) => Math.round(value * 255)));
    writeFileSync(path('images.gz'), gzipSync(Buffer.concat([header([0, 0, 8, 3], [test.n, 28, 28]), pixels])));
    writeFileSync(path('labels'), Buffer.concat([header([0, 0, 8, 1], [test.n]), Buffer.from(test.y)]));
    const short = '--eps 0.01 --attacks none --steps 1 --restarts 1';
    const { accuracy } = await json<Evaluated>(`evaluate mlp.onnx --data images.gz --labels labels ${short}`);
    expect(accuracy.clean).toEqual(
      (await json<Evaluated>(`evaluate mlp.onnx --data test.npz ${short}`)).accuracy.clean,
    );
  });

  it('takes a folder of pictures for each class', async () => {
    for (const row of test.y.keys()) {
      const ofClass = path(`pictures/${test.y[row]}`);
      mkdirSync(ofClass, { recursive: true });
      const data = Uint8Array.from(test.x.subarray(row * 784, (row + 1) * 784), (value) => Math.round(value * 255));
      writeFileSync(join(ofClass, `${row}.png`), encode({ width: 28, height: 28, channels: 1, data }));
    }
    const short = '--eps 0.01 --attacks none --steps 1 --restarts 1';
    const seen = await json<Evaluated & { data: object }>(`evaluate mlp.onnx --data pictures ${short}`);
    expect(seen.data).toMatchObject({ path: 'pictures', rows: test.n, classNames: [...'0123456789'] });
    expect(seen.accuracy.clean).toEqual(
      (await json<Evaluated>(`evaluate mlp.onnx --data test.npz ${short}`)).accuracy.clean,
    );
  });

  it('attacks data as they are before they are standardised', async () => {
    save('raw.npz', { ...test, x: test.x.map((value) => 0.2 + 0.5 * value) });
    const strength = '--attacks none --steps 5 --restarts 1';
    const standard = await json<Evaluated>(`evaluate mlp.onnx --data test.npz --eps 0.04 ${strength}`);
    const raw = await json<Evaluated & { standardization: object }>(
      `evaluate mlp.onnx --data raw.npz --range 0.2,0.7 --mean 0.2 --std 0.5 --eps 0.02 ${strength}`,
    );
    for (const [attack, { value }] of Object.entries(standard.accuracy))
      expect(Math.abs(raw.accuracy[attack]!.value - value)).toBeLessThan(0.02); // rounding moves a row at most
    expect(raw.largestPerturbation).toBeCloseTo(0.02, 5);
    expect(raw.standardization).toEqual({ mean: [0.2], std: [0.5] });
  });

  it('says that an epsilon means nothing', async () => {
    const { flags } = await json<Evaluated>(args.replace('0.02', '0.6').replace('--queries 20', '--attacks none'));
    expect(flags.join()).toMatch(/epsilon too large/);
  });
});

describe('attack', () => {
  it('writes examples inside the ball that fool the model as often as it says', async () => {
    const { accuracy } = await json<Evaluated>(
      'attack mlp.onnx --data test.npz --eps 0.05 --rows 60 --steps 5 --restarts 1 --out bad.npz',
    );
    const arrays = readNpz(readFileSync(path('bad.npz')), 'bad.npz');
    const [x, y, predicted] = ['x', 'y', 'predicted'].map((name) => arrays.get(name)!);
    expect(x!.shape).toEqual([60, 1, 28, 28]);
    const right = [...(predicted!.data as Int32Array)].filter((label, row) => label === y!.data[row]).length;
    expect(accuracy.pgd!.value).toBeCloseTo(right / 60, 9);
    expect(accuracy.pgd!.value).toBeLessThan(accuracy.clean!.value - 0.2);
    const again = await json<Evaluated>('evaluate mlp.onnx --data bad.npz --eps 0.01 --attacks none --steps 1');
    expect(again.accuracy.clean!.value).toBeCloseTo(right / 60, 9);
    const points = x!.data as Float32Array;
    const nearest = [...y!.data.keys()].map((row) => {
      const attacked = points.subarray(row * 784, (row + 1) * 784);
      const distances = [...test.y.keys()].map((other) =>
        largestPerturbation('linf', attacked, test.x.subarray(other * 784, (other + 1) * 784), 784),
      );
      return Math.min(...distances);
    });
    expect(Math.max(...nearest)).toBeLessThan(0.05 + 1e-6);
  });
});

describe('harden', () => {
  const args =
    'harden mlp.onnx --data train.npz --test test.npz --eps 0.05 --recipe fast --batch 32 --rows 150 --steps 10 --restarts 2';
  interface Hardened {
    before: Evaluated;
    after: Evaluated;
    gate: { passed: boolean; checks: { name: string; passed: boolean }[] };
    out: string | null;
    rejected: string | null;
    seconds: number;
    engine: { name: string; why: string; threads: number };
  }
  let whole: Buffer;

  it('writes a model that stands better, with the proof', async () => {
    const done = await json<Hardened>(`${args} --out hard.onnx --html hard.html`);
    expect(done).toMatchObject({ gate: { passed: true }, out: 'hard.onnx', rejected: null });
    expect(done.engine).toEqual({ name: 'onnxruntime-cpu', why: 'asked for', threads: 1 });
    expect(done.after.accuracy.pgd!.value).toBeGreaterThan(done.before.accuracy.pgd!.value + 0.2);
    whole = readFileSync(path('hard.onnx'));
    const original = readFileSync(path('mlp.onnx'));
    expect(whole.length).toBe(original.length);
    expect(whole.equals(original)).toBe(false);
    expect(parseModel(whole).operations).toEqual(parseModel(original).operations);
    expect(existsSync(path('hard.onnx.checkpoint'))).toBe(false);
    expect(readFileSync(path('hard.html'), 'utf8').match(/<polyline/g)).toHaveLength(2);
  });

  it('interrupted, leaves a checkpoint from which it ends as if it had not been', async () => {
    const stopped = await antibody(`${args} --out again.onnx`, /training .*epoch/);
    expect(stopped).toMatchObject({ code: 130, stdout: '' });
    expect(stopped.stderr).toMatch(/again\.onnx\.checkpoint: go on with --resume\nantibody: interrupted\n$/);
    expect(existsSync(path('again.onnx'))).toBe(false);

    const other = await antibody(`${args.replace('0.05', '0.06')} --out again.onnx --resume`);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toMatch(/another run/);

    await json(`${args} --out again.onnx --resume`);
    expect(readFileSync(path('again.onnx')).equals(whole)).toBe(true);
  });

  it('splits batches that do not fit into the memory it is given, and says so', async () => {
    const wide = new ModelBuilder({ input: [1, 28, 28], seed: 1 }).convolution(128, { kernel: 3, pad: 1 }).relu();
    writeFileSync(path('wide.onnx'), wide.convolution(8, { kernel: 1 }).relu().flatten().dense(10).build());
    const little =
      'harden wide.onnx --data train.npz --test test.npz --eps 0.05 --recipe fast --epochs 1 --batch 64 --rows 20';
    const ended = await antibody(`${little} --steps 2 --restarts 1 --out narrow.onnx --json --memory 300MiB`);
    expect(ended.stderr).toMatch(
      /^training takes \d+ of 64 rows at a time: all at once would need about .* may be taken$/m,
    );
    const { memory, training } = JSON.parse(ended.stdout) as {
      memory: { training: { rowsAtOnce: number; batch: number; predictedMiB: number; limitMiB: number } };
      training: { rowsAtOnce: number };
    };
    expect(memory.training.batch).toBe(64);
    expect(memory.training.rowsAtOnce).toBeLessThan(64);
    expect(memory.training.predictedMiB).toBeLessThanOrEqual(memory.training.limitMiB);
    expect(training.rowsAtOnce).toBe(memory.training.rowsAtOnce);
  });

  it('does not call a model better that is not', async () => {
    const done = await json<Hardened>(`${args} --epochs 1 --learning-rate 1e-9 --out same.onnx`, 1);
    expect(done).toMatchObject({ gate: { passed: false }, out: null, rejected: 'same.rejected.onnx' });
    expect(done.gate.checks.filter(({ passed }) => !passed).map(({ name }) => name)).toEqual(['robust accuracy']);
    expect(existsSync(path('same.onnx'))).toBe(false);
    expect(existsSync(path('same.rejected.onnx'))).toBe(true);
  });
});

describe('bad input', () => {
  const bad: [string, RegExp][] = [
    ['frobnicate mlp.onnx', /no command "frobnicate".*inspect/],
    ['evaluate none.onnx --data test.npz --eps 0.1', /cannot read none\.onnx: no such file/],
    ['evaluate test.npz --data test.npz --eps 0.1', /not a valid ONNX model/],
    ['evaluate odd.onnx --data test.npz --eps 0.1', /Bernoulli/],
    ['evaluate mlp.onnx --data none.npz --eps 0.1', /--data: cannot read none\.npz/],
    ['evaluate mlp.onnx --data mlp.onnx --eps 0.1', /--data: mlp\.onnx is not an \.npz archive.*--labels/],
    ['evaluate mlp.onnx --data test.npz', /--eps is missing/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --range 0,0.5', /test\.npz: x: has the value .*--range/],
    ['evaluate mlp.onnx --data shape.npz --eps 0.1', /x: has rows of shape \(5\); the model takes \(1, 28, 28\)/],
    ['evaluate mlp.onnx --data label.npz --eps 0.1', /y: has the label 10 at row 1/],
    ['evaluate mlp.onnx --data nolabels.npz --eps 0.1', /y: is missing/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --html none/report.html', /--html: cannot write/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --mean 0.5', /--std is missing/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --mean 1,2 --std 1,1', /--mean has 2 numbers; give one/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --mean 0.5 --std 0', /--std must be above 0/],
    ['evaluate mlp.onnx --data no-folders --eps 0.1', /--data: no-folders: folders: there is none/],
    ['attack mlp.onnx --data test.npz --eps 0.1', /--out is missing/],
    ['attack mlp.onnx --data test.npz --eps 0.1 --attack deepfool --out x.npz', /--attack must be one of fgsm, pgd/],
    ['harden mlp.onnx --data train.npz --eps 0.1 --out none/hard.onnx', /--out: cannot write/],
    ['harden mlp.onnx --data train.npz --eps 0.1 --out mlp.onnx', /--out is the model itself/],
    [
      'harden mlp.onnx --data train.npz --eps 0.1 --out new.onnx --resume',
      /--resume: there is no new\.onnx\.checkpoint/,
    ],
    ['harden mlp.onnx --data test.npz --eps 0.1 --out new.onnx --batch 500', /rows are too few/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --memory 4GB', /--memory must be an amount such as 512MiB or 4GiB/],
    ['evaluate mlp.onnx --data test.npz --eps 0.1 --memory 10MiB', /even one row at a time would need about/],
    ['harden mlp.onnx --data train.npz --eps 0.1 --out new.onnx --memory 10MiB', /even one row at a time would need/],
  ];

  beforeAll(() => {
    const rows = (shape: number[], labels: number[]) => ({
      x: { shape: [2, ...shape], data: new Float32Array(2 * shape.reduce((product, size) => product * size, 1)) },
      y: { shape: [2], data: Int32Array.from(labels) },
    });
    mkdirSync(path('no-folders'));
    writeFileSync(path('shape.npz'), writeNpz(rows([5], [0, 1])));
    writeFileSync(path('label.npz'), writeNpz(rows([784], [0, 10])));
    writeFileSync(path('nolabels.npz'), writeNpz({ x: rows([784], []).x }));
  });

  it.each(bad)('%s: exit code 2 and one line that says why', async (args, message) => {
    const { code, stdout, stderr } = await antibody(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(/^antibody: /);
  });
});

describe('help', () => {
  it.each(['inspect', 'evaluate', 'harden', 'attack'])('of %s shows an example and the exit codes', async (name) => {
    const { code, stdout } = await antibody(`${name} --help`);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`Example[^]*antibody ${name} [^]*Exit code`));
  });

  it('lists the commands', async () => {
    const { code, stdout } = await antibody('--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/inspect[^]*evaluate[^]*harden[^]*attack/);
  });
});
