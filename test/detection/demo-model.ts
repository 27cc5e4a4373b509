import { readFileSync } from 'node:fs';
import { compileAttack, fgsm, pgd, random } from '#adversarial';
import type { Calibration, ModelFunctions, TrustedRows } from '#change-detection';
import { compileForward, compileLogitGradients, ortExecutor, parseModel } from '#onnx-autodiff';
import { digitParts } from '#testbed';

export const CALIBRATION_FILE = 'libs/testbed/models/mnist-cnn.calibration.json';
const BATCH = 50;

/** The demo's model and the calibration that comes with it, and rows that neither has seen. */
export async function demoModel() {
  const model = parseModel(readFileSync('libs/testbed/models/mnist-cnn.onnx'));
  const calibration = JSON.parse(readFileSync(CALIBRATION_FILE, 'utf8')) as Calibration;
  const executor = ortExecutor({ threads: 1 });
  const forward = await compileForward(model, { batch: BATCH, executor });
  const gradients = await compileLogitGradients(model, { batch: BATCH, executor, seeds: forward.classes });
  const attack = await compileAttack(model, { batch: BATCH, executor, norm: 'linf' });
  const functions: ModelFunctions = {
    classes: forward.classes,
    features: forward.features,
    forward: (x, rows) => forward.run(x, rows),
    gradients: (x, rows, choose) => gradients.run(x, rows, choose),
  };
  const threat = (epsilon: number) => ({ norm: 'linf' as const, epsilon, range: [0, 1] as [number, number] });
  const { certificate, traffic } = digitParts();
  return {
    calibration,
    functions,
    unseen: joined(certificate, traffic),
    fgsm: async (rows: TrustedRows, epsilon: number): Promise<TrustedRows> => ({
      ...rows,
      x: await fgsm(attack, rows, threat(epsilon)),
    }),
    pgd: async (rows: TrustedRows, epsilon: number): Promise<TrustedRows> => ({
      ...rows,
      x: await pgd(attack, rows, threat(epsilon), { steps: 10, random: random(1) }),
    }),
    release: async () => {
      await forward.release();
      await gradients.release();
      await attack.release();
    },
  };
}

export type DemoModel = Awaited<ReturnType<typeof demoModel>>;

const joined = (a: TrustedRows, b: TrustedRows): TrustedRows => ({
  x: Float32Array.from([...a.x, ...b.x]),
  y: Int32Array.from([...a.y, ...b.y]),
  n: a.n + b.n,
});

export function pickRows({ x, y, n }: TrustedRows, picked: readonly number[]): TrustedRows {
  const features = x.length / n;
  const out = new Float32Array(picked.length * features);
  picked.forEach((row, at) => out.set(x.subarray(row * features, (row + 1) * features), at * features));
  return { x: out, y: Int32Array.from(picked, (row) => y[row]!), n: picked.length };
}

export const firstRows = (rows: TrustedRows, n: number): TrustedRows => pickRows(rows, [...Array(n).keys()]);
