import { compileAttack, fgsm, pgd, random, type CompiledAttack } from '#adversarial';
import {
  METHOD,
  calibrate as calibrateModel,
  type Calibration,
  type CalibrationAttack,
  type ModelFunctions,
  type SignalCalibration,
} from '#change-detection';
import { calibrationName, type CalibrationRequested, type CalibrationSummary } from '#contracts';
import { compileForward, compileLogitGradients, type Executor, type OnnxModel } from '#onnx-autodiff';
import { firstRows, readModel, readParts } from './files.js';
import { replyTo, type Outcome } from './job.js';
import type { Tools } from './tools.js';

/** Rows to set and to check tolerances and gate with; calibration itself differentiates some 300 of them. */
const ROWS = 1200;
const BATCH = 50;
/** Strengths at which the verdict's power is measured, as shares of the policy's radius. */
const STRENGTHS = [1 / 6, 1 / 3, 2 / 3, 1];
const PGD_STEPS = 10;

/** Thresholds, tolerances and the verdict's expected power for one model, from the calibration part: kept by what it depends on, or made now. */
export async function calibrate(request: CalibrationRequested, tools: Tools): Promise<Outcome> {
  const name = calibrationName(request, METHOD);
  const kept = await readKept(name, tools);
  const calibration = kept ?? (await make(request, tools));
  const file = await tools.store.write(name, Buffer.from(JSON.stringify(calibration)));
  return {
    event: 'calibration.completed',
    data: {
      ...replyTo(request),
      trainer: tools.trainer,
      modelSha256: request.modelFile.sha256,
      datasetSha256: request.dataset.sha256,
      calibration: file,
      summary: summaryOf(calibration),
    },
  };
}

/** Null where there is none, or none that can be read. */
async function readKept(name: string, { store, uriOf }: Tools): Promise<Calibration | null> {
  const uri = uriOf(name);
  if (!(await store.exists(uri))) return null;
  try {
    const calibration = JSON.parse(Buffer.from(await store.read(uri)).toString()) as Partial<Calibration> | null;
    return calibration?.method === METHOD ? (calibration as Calibration) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function make(request: CalibrationRequested, { store, executor, signal }: Tools): Promise<Calibration> {
  const { modelFile, dataset, threatModel, seed } = request;
  const model = await readModel(store, modelFile);
  const rows = firstRows((await readParts(store, dataset)).calibration, ROWS);
  const functions = await modelFunctions(model, executor);
  const attack = await compileAttack(model, { executor, norm: threatModel.norm, batch: BATCH });
  try {
    const stream = random(seed);
    return await calibrateModel(functions, rows, ownAttacks(attack, request), {
      input: dataset.inputs,
      random: () => stream.next(),
      signal,
    });
  } finally {
    await attack.release();
    await functions.release();
  }
}

async function modelFunctions(
  model: OnnxModel,
  executor: Executor,
): Promise<ModelFunctions & { release(): Promise<void> }> {
  const forward = await compileForward(model, { executor, batch: BATCH });
  const backward = await compileLogitGradients(model, { executor, batch: BATCH, seeds: Math.min(forward.classes, 10) });
  return {
    classes: forward.classes,
    features: forward.features,
    forward: (x, rows) => forward.run(x, rows),
    gradients: (x, rows, choose) => backward.run(x, rows, choose),
    async release() {
      await forward.release();
      await backward.release();
    },
  };
}

/** The attacks that an attacker who knows the model would begin with. */
function ownAttacks(attack: CompiledAttack, { threatModel, dataset, seed }: CalibrationRequested): CalibrationAttack[] {
  const threat = (epsilon: number) => ({ norm: threatModel.norm, epsilon, range: dataset.inputs.range });
  return STRENGTHS.map((share) => Number((share * threatModel.epsilon).toPrecision(3))).flatMap((epsilon) => [
    { attack: 'fgsm', epsilon, run: (x, y) => fgsm(attack, { x, y }, threat(epsilon)) },
    {
      attack: 'pgd',
      epsilon,
      run: (x, y) => pgd(attack, { x, y }, threat(epsilon), { steps: PGD_STEPS, random: random(seed) }),
    },
  ]);
}

function summaryOf({ method, rows, signals, tests }: Calibration): CalibrationSummary {
  const allowed = {
    aim: tests.aim.bounds?.m0.maxabs ?? null,
    gated: tests.gated.bounds?.m0.maxabs ?? null,
    labelled: tests.labelled.bounds?.pair.m.near ?? null,
  };
  return {
    method,
    rows,
    signals: (Object.entries(signals) as [string, SignalCalibration][]).map(
      ([name, { rate, tolerance, enabled, reason }]) => ({
        name,
        rate,
        tolerance,
        enabled,
        reason,
      }),
    ),
    tests: (['aim', 'gated', 'labelled'] as const).map((test) => {
      const { enabled, reason, gap, worstKind, power } = tests[test];
      return {
        test,
        enabled,
        reason,
        allowed: allowed[test],
        gap,
        worstKind,
        power: power.map(({ attack, epsilon, expectedRequests }) => ({ attack, epsilon, expectedRequests })),
      };
    }),
  };
}
