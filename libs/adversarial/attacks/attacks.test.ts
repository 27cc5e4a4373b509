import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  compileForward,
  type Executor,
  type Forward,
  loadClassifier,
  ModelBuilder,
  type OnnxModel,
  ortExecutor,
  parseModel,
} from '#onnx-autodiff';

import { type CompiledAttack, compileAttack, compileAttackOn } from '../attackGraph.js';
import { argMax } from '../dataset.js';
import { blobs, FEATURES, linearModel, smallCnn } from '../fixtures/blobs.js';
import { random } from '../random.js';
import { largestPerturbation, type ThreatModel } from '../threatModel.js';
import { fgsm } from './fgsm.js';
import { pgd } from './pgd.js';
import { predictions } from './predictions.js';
import { worstCase } from './worstCase.js';

const executor = ortExecutor({ threads: 1 });
const data = blobs(37, 4);
const threat = (epsilon: number, norm: 'linf' | 'l2' = 'linf'): ThreatModel => ({ norm, epsilon, range: [0, 1] });

let model: OnnxModel;
let forward: Forward;
const attacks = {} as Record<'linf' | 'l2' | 'margin' | 'odd', CompiledAttack>;

beforeAll(async () => {
  model = smallCnn(3);
  forward = await compileForward(model, { executor, batch: 16 });
  attacks.linf = await compileAttack(model, { executor, norm: 'linf', batch: 16 });
  attacks.odd = await compileAttack(model, { executor, norm: 'linf', batch: 5 });
  attacks.l2 = await compileAttack(model, { executor, norm: 'l2', batch: 16 });
  attacks.margin = await compileAttack(model, { executor, norm: 'linf', batch: 16, loss: 'margin' });
});
afterAll(async () => {
  await forward.release();
  for (const attack of Object.values(attacks)) await attack.release();
});

async function losses(x: Float32Array): Promise<{ ce: number[]; margin: number[] }> {
  const logits = await forward.run(x, data.n);
  const rows = Array.from({ length: data.n }, (_, row) => [...logits.subarray(row * 3, row * 3 + 3)]);
  const trueLogit = (row: number[], i: number) => row[data.y[i]!]!;
  return {
    ce: rows.map((row, i) => Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0)) - trueLogit(row, i)),
    margin: rows.map((row, i) => Math.max(...row.filter((_, c) => c !== data.y[i])) - trueLogit(row, i)),
  };
}
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('on a linear model, where the answer is known', () => {
  const weights = Float32Array.of(1, -2, 0.5, 0, -1, 1, 2, 0.25, 0, 0.5, -1, 3); // 3 classes x 4 features
  const rows = { x: Float32Array.of(0.5, 0.5, 0.5, 0.5, 0.1, 0.9, 0.4, 0.05), y: Int32Array.of(0, 2) };
  const slope = (row: number): number[] => {
    const x = [...rows.x.subarray(row * 4, row * 4 + 4)];
    const logits = [0, 1, 2].map((c) => x.reduce((sum, value, i) => sum + value * weights[c * 4 + i]!, 0));
    const total = logits.reduce((sum, z) => sum + Math.exp(z), 0);
    return x.map((_, i) =>
      logits.reduce((sum, z, c) => sum + (Math.exp(z) / total - Number(rows.y[row] === c)) * weights[c * 4 + i]!, 0),
    );
  };

  it('FGSM moves each feature by epsilon in the sign of the gradient of cross-entropy, within the range', async () => {
    const attack = await compileAttack(linearModel(weights, 3), { executor, norm: 'linf', batch: 2 });
    const attacked = await fgsm(attack, rows, threat(0.2));
    for (const row of [0, 1]) {
      slope(row).forEach((gradient, i) => {
        const expected = Math.min(1, Math.max(0, rows.x[row * 4 + i]! + 0.2 * Math.sign(gradient)));
        expect(attacked[row * 4 + i]).toBeCloseTo(expected, 6);
      });
    }
    await attack.release();
  });

  it('the l2 step goes epsilon along the gradient', async () => {
    const attack = await compileAttack(linearModel(weights, 3), { executor, norm: 'l2', batch: 2 });
    const attacked = await fgsm(attack, rows, threat(0.03, 'l2'));
    for (const row of [0, 1]) {
      const gradient = slope(row);
      const length = Math.hypot(...gradient);
      gradient.forEach((g, i) =>
        expect(attacked[row * 4 + i]).toBeCloseTo(rows.x[row * 4 + i]! + (0.03 * g) / length, 5),
      );
    }
    await attack.release();
  });

  it('PGD on two classes ends in the corner that is worst for any start', async () => {
    const attack = await compileAttack(linearModel(weights.subarray(0, 8).slice(), 2), {
      executor,
      norm: 'linf',
      batch: 2,
    });
    const two = { x: rows.x, y: Int32Array.of(0, 1) };
    const attacked = await pgd(attack, two, threat(0.1), { steps: 10, random: random(1) });
    for (const row of [0, 1]) {
      for (let i = 0; i < 4; i++) {
        const towards = Math.sign((weights[4 + i]! - weights[i]!) * (row === 0 ? 1 : -1));
        const corner = Math.min(1, Math.max(0, rows.x[row * 4 + i]! + 0.1 * towards));
        expect(attacked[row * 4 + i]).toBeCloseTo(corner, 6);
      }
    }
    await attack.release();
  });
});

describe.each(['linf', 'l2'] as const)('in the %s ball', (norm) => {
  const radii = norm === 'linf' ? [0.01, 0.1, 0.4, 2] : [0.05, 0.5, 2, 20];

  it('everything stays inside the ball and the range, at every epsilon', async () => {
    for (const epsilon of radii) {
      const results = [
        await fgsm(attacks[norm], data, threat(epsilon, norm)),
        await pgd(attacks[norm], data, threat(epsilon, norm), { steps: 5, random: random(9) }),
        await pgd(attacks[norm], data, threat(epsilon, norm), { steps: 3, stepSize: 3 * epsilon }),
        (await worstCase([attacks[norm]], data, threat(epsilon, norm), { steps: 4, restarts: 2, random: random(9) })).x,
      ];
      for (const x of results) {
        expect(largestPerturbation(norm, x, data.x, FEATURES)).toBeLessThanOrEqual(epsilon * (1 + 1e-6) + 1e-7);
        expect(x.every((value) => value >= 0 && value <= 1)).toBe(true);
      }
    }
  });

  it('attacks raise the loss, PGD more than FGSM', async () => {
    const radius = threat(norm === 'linf' ? 0.1 : 0.5, norm);
    const before = mean((await losses(data.x)).ce);
    const oneStep = mean((await losses(await fgsm(attacks[norm], data, radius))).ce);
    const many = mean((await losses(await pgd(attacks[norm], data, radius, { steps: 20 }))).ce);
    expect(oneStep).toBeGreaterThan(before + 0.1);
    expect(many).toBeGreaterThanOrEqual(oneStep);
  });

  it('epsilon 0 changes nothing', async () => {
    expect(await fgsm(attacks[norm], data, threat(0, norm))).toEqual(data.x);
    expect(await pgd(attacks[norm], data, threat(0, norm), { steps: 3, random: random(1) })).toEqual(data.x);
  });
});

it('the margin loss climbs the margin', async () => {
  const attacked = await pgd(attacks.margin, data, threat(0.05), { steps: 10 });
  const [before, after] = [(await losses(data.x)).margin, (await losses(attacked)).margin];
  expect(after.every((margin, row) => margin >= before[row]! - 1e-5)).toBe(true);
  expect(mean(after)).toBeGreaterThan(mean(before) + 0.1);
});

it('the batch size does not matter, nor what else is in a batch', async () => {
  const [sixteen, five] = [await fgsm(attacks.linf, data, threat(0.1)), await fgsm(attacks.odd, data, threat(0.1))];
  sixteen.forEach((value, i) => expect(five[i]).toBeCloseTo(value, 5));
});

it('the same seed gives the same attack, another one another', async () => {
  const run = (seed: number) => pgd(attacks.linf, data, threat(0.1), { steps: 2, random: random(seed) });
  expect(await run(1)).toEqual(await run(1));
  expect(await run(1)).not.toEqual(await run(2));
});

describe('worstCase', () => {
  const options = { steps: 5, restarts: 3 };
  const standing = (result: { standing: boolean[] }) => result.standing.filter(Boolean).length;

  it('keeps for every fallen row an input that does fool the model, and none for the others', async () => {
    const result = await worstCase([attacks.linf, attacks.margin], data, threat(0.06), {
      ...options,
      random: random(1),
    });
    const logits = await forward.run(result.x, data.n);
    expect(standing(result)).toBeGreaterThan(0);
    expect(standing(result)).toBeLessThan(data.n);
    result.standing.forEach((stands, row) => expect(argMax(logits, row, 3) === data.y[row]).toBe(stands));
  });

  it('is never weaker with more restarts or a larger ball', async () => {
    const at = async (epsilon: number, restarts: number) =>
      standing(await worstCase([attacks.linf], data, threat(epsilon), { steps: 5, restarts, random: random(1) }));
    expect(await at(0.06, 4)).toBeLessThanOrEqual(await at(0.06, 1));
    expect(await at(0.3, 1)).toBeLessThanOrEqual(await at(0.06, 1));
  });

  it('reports progress up to 1 and stops when told to', async () => {
    const seen: number[] = [];
    const stop = new AbortController();
    const run = (signal?: AbortSignal) =>
      worstCase([attacks.linf], data, threat(0.01), {
        ...options,
        random: random(1),
        signal,
        onProgress: (done) => seen.push(done),
      });
    await run();
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
    stop.abort();
    await expect(run(stop.signal)).rejects.toThrow(/abort/);
  });
});

it('predictions are those of the forward pass, and -1 for NaN', async () => {
  const logits = await forward.run(data.x, data.n);
  expect([...(await predictions(attacks.odd, data.x, [0, 1]))]).toEqual(
    [...data.y.keys()].map((row) => argMax(logits, row, 3)),
  );
  expect(argMax(Float32Array.of(1, NaN, 0), 0, 3)).toBe(-1);
});

describe('on a wide network', () => {
  const built = new ModelBuilder({ input: [128, 4, 4], seed: 5 }).convolution(128, { kernel: 3, pad: 1 }).relu();
  const wide = parseModel(built.flatten().dense(3).build());
  const batch = 16;

  it('a step is that of the plain lowering, computed by the fast one', async () => {
    const operations: string[][] = [];
    const watched: Executor = {
      ...executor,
      compile: (graph) => {
        operations.push(graph.nodes.map(({ op }) => op));
        return executor.compile(graph);
      },
    };
    const options = { executor: watched, norm: 'l2', batch } as const;
    const fast = await compileAttack(wide, options);
    expect(operations.at(-1)).toContain('BatchLastConv');
    const plain = await compileAttackOn(await loadClassifier(wide, { batch, executor }), options);
    expect(operations.at(-1)).not.toContain('BatchLastConv');
    const source = random(6);
    const x = Float32Array.from({ length: batch * 128 * 16 }, source.next);
    const labels = Float32Array.from({ length: batch * 3 }, (_, i) => Number(i % 3 === 0));
    const step = (attack: CompiledAttack) => attack.step({ x, origin: x, labels }, threat(0.1, 'l2'), 0.1);
    const [found, expected] = [await step(fast), await step(plain)];
    expect(largestPerturbation('l2', found.next, expected.next, 128 * 16)).toBeLessThan(1e-3); // of steps of .1
    found.logits.forEach((logit, i) => expect(logit).toBeCloseTo(expected.logits[i]!, 4));
    await fast.release();
    await plain.release();
  });
});

describe('arguments', () => {
  const bad = (x: Partial<typeof data>) => ({ ...data, ...x });
  const cases: [string, () => Promise<unknown>][] = [
    ['threat.epsilon', () => fgsm(attacks.linf, data, threat(-1))],
    ['threat.norm', () => fgsm(attacks.linf, data, threat(0.1, 'l2'))],
    ['rows', () => fgsm(attacks.linf, bad({ x: data.x.subarray(1) }), threat(0.1))],
    ['rows', () => fgsm(attacks.linf, bad({ y: data.y.map(() => 3) }), threat(0.1))],
    ['rows', () => fgsm(attacks.linf, { x: new Float32Array(0), y: new Int32Array(0) }, threat(0.1))],
    ['rows.x', () => fgsm(attacks.linf, bad({ x: data.x.map((value) => value * 255) }), threat(0.1))],
    ['steps', () => pgd(attacks.linf, data, threat(0.1), { steps: 0 })],
    ['stepSize', () => pgd(attacks.linf, data, threat(0.1), { steps: 2, stepSize: 0 })],
    ['restarts', () => worstCase([attacks.linf], data, threat(0.1), { steps: 1, restarts: 0, random: random(1) })],
    ['attacks', () => worstCase([], data, threat(0.1), { steps: 1, restarts: 1, random: random(1) })],
    ['batch', () => compileAttack(model, { executor, norm: 'linf', batch: 0 })],
  ];
  it.each(cases)('a bad %s is refused by name', async (field, run) => {
    await expect(run()).rejects.toThrow(expect.objectContaining({ name: 'InvalidArgumentError', field }));
  });
});
