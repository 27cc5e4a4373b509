import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { compileForward, type Forward, ModelBuilder, type OnnxModel, ortExecutor, parseModel } from '#onnx-autodiff';

import { compileApgd } from './apgdGraph.js';
import { compileAttack } from './attackGraph.js';
import { apgd } from './attacks/apgd.js';
import { square } from './attacks/square.js';
import { worstCase } from './attacks/worstCase.js';
import { argMax, type Dataset } from './dataset.js';
import { blobs, FEATURES, smallCnn } from './fixtures/blobs.js';
import { runFurtherAttacks, type FurtherOptions } from './furtherAttacks.js';
import { random } from './random.js';
import { largestPerturbation, type ThreatModel } from './threatModel.js';

const executor = ortExecutor({ threads: 1 });
const threat: ThreatModel = { norm: 'linf', epsilon: 0.04, range: [0, 1] };
const picture = { height: 6, width: 6, channels: 1, channelsLast: false };

let model: OnnxModel;
let forward: Forward;
let data: Dataset;

/** What the model says to it is the label: every row is right as it is. */
async function labelled(by: Forward, rows: Dataset): Promise<Dataset> {
  const logits = await by.run(rows.x, rows.n);
  return { ...rows, y: rows.y.map((_, row) => argMax(logits, row, by.classes)) };
}

async function fooled(by: Forward, x: Float32Array, y: Int32Array): Promise<boolean[]> {
  const logits = await by.run(x, y.length);
  return [...y].map((label, row) => argMax(logits, row, by.classes) !== label);
}

beforeAll(async () => {
  model = smallCnn(3);
  forward = await compileForward(model, { executor, batch: 16 });
  data = await labelled(forward, blobs(60, 4));
});
afterAll(() => forward.release());

describe('APGD', () => {
  it.each([
    ['ce', 'linf', 0.04],
    ['dlr', 'linf', 0.04],
    ['ce', 'l2', 0.2],
    ['dlr', 'l2', 0.2],
  ] as const)(
    'with %s and %s fools where it says so, inside the ball, and as often as PGD',
    async (loss, norm, epsilon) => {
      const ball: ThreatModel = { norm, epsilon, range: [0, 1] };
      const attack = await compileApgd(model, { executor, norm, batch: 16, loss });
      const plain = await compileAttack(model, { executor, norm, batch: 16 });
      const options = { steps: 20, restarts: 2 };
      const found = await apgd(attack, data, ball, { ...options, random: random(1) });
      const pgd = await worstCase([plain], data, ball, { ...options, random: random(1) });
      expect((await fooled(forward, found.x, data.y)).map((fell) => !fell)).toEqual(found.standing);
      const size = largestPerturbation(norm, found.x, data.x, FEATURES);
      expect(size).toBeGreaterThan(0.9 * epsilon);
      expect(size).toBeLessThan(epsilon * (1 + 1e-5));
      expect(found.x.every((value) => value >= 0 && value <= 1)).toBe(true);
      const count = (standing: boolean[]) => standing.filter(Boolean).length;
      expect(count(pgd.standing)).toBeGreaterThan(0);
      expect(count(pgd.standing)).toBeLessThan(data.n);
      expect(count(found.standing)).toBeLessThanOrEqual(count(pgd.standing) + 1);
      await attack.release();
      await plain.release();
    },
  );

  it('halves steps that jump over the top: finds a narrow peak', async () => {
    const net = new ModelBuilder({ input: [1], seed: 1 });
    const w = net.constant('w', { type: 'float32', dims: [1, 1], data: Float32Array.of(1) });
    const peak = net.constant('peak', { type: 'float32', dims: [1, 1], data: Float32Array.of(0.537) });
    const built = net.layer('MatMul', [w]).layer('Sub', [peak]).layer('Abs');
    const scale = net.constant('scale', { type: 'float32', dims: [1, 2], data: Float32Array.of(1, -1) });
    const bias = net.constant('bias', { type: 'float32', dims: [2], data: Float32Array.of(-0.01, 0) });
    const tent = parseModel(built.layer('MatMul', [scale], {}, [2]).layer('Add', [bias]).build());
    // class 0 as long as |x - 0.537| >= 0.005
    const rows = { x: Float32Array.of(0.3), y: Int32Array.of(0) };
    const attack = await compileApgd(tent, { executor, norm: 'linf', batch: 1, loss: 'ce' });
    const wide: ThreatModel = { norm: 'linf', epsilon: 0.3, range: [0, 1] };
    const found = await apgd(attack, rows, wide, { steps: 100, restarts: 1, random: random(2) });
    expect(found.standing).toEqual([false]);
    expect(Math.abs(found.x[0]! - 0.537)).toBeLessThan(0.005);
    await attack.release();
  });
});

describe('Square', () => {
  it('fools a model without gradients, inside the ball', async () => {
    const net = new ModelBuilder({ input: [1, 6, 6], seed: 3 }).layer('Sign');
    const signs = parseModel(net.convolution(4, { kernel: 3, pad: 1 }).relu().flatten().dense(3).build());
    const blind = await compileForward(signs, { executor, batch: 16 });
    const half = { ...data, x: data.x.map((value) => value * 2 - 1) };
    const rows = await labelled(blind, half);
    const ball: ThreatModel = { norm: 'linf', epsilon: 0.3, range: [-1, 1] };
    const found = await square(blind, rows, ball, { picture, queries: 100, random: random(1), batch: 16 });
    expect((await fooled(blind, found.x, rows.y)).map((fell) => !fell)).toEqual(found.standing);
    expect(found.standing.filter(Boolean).length).toBeLessThan(rows.n / 2);
    expect(largestPerturbation('linf', found.x, rows.x, FEATURES)).toBeCloseTo(0.3, 5);

    const attack = await compileAttack(signs, { executor, norm: 'linf', batch: 16 });
    const steps = await worstCase(
      [attack],
      rows,
      { ...ball, epsilon: 1e-4 },
      { steps: 5, restarts: 1, random: random(1) },
    );
    expect(steps.standing.filter(Boolean).length).toBeGreaterThan(rows.n * 0.9); // gradients say nothing
    await attack.release();
    await blind.release();
  });

  it.each([false, true])('changes whole colours of a window (channels last: %s)', async (channelsLast) => {
    const net = new ModelBuilder({ input: channelsLast ? [4, 5, 3] : [3, 4, 5], seed: 2 });
    const steady = parseModel(net.flatten().dense(2).build());
    const run = await compileForward(steady, { executor, batch: 4 });
    const middle = await labelled(run, {
      x: new Float32Array(120).fill(0.5),
      y: new Int32Array(2),
      n: 2,
      dims: [60],
      classes: 2,
    });
    const shape = { height: 4, width: 5, channels: 3, channelsLast };
    const small: ThreatModel = { norm: 'linf', epsilon: 0.01, range: [0, 1] };
    const { x } = await square(run, middle, small, { picture: shape, queries: 1, random: random(1), batch: 2 });
    const at = (row: number, column: number, channel: number) =>
      x[channelsLast ? (row * 5 + column) * 3 + channel : channel * 20 + row * 5 + column]!;
    for (const channel of [0, 1, 2])
      for (const column of [0, 1, 2, 3, 4])
        for (const row of [1, 2, 3]) expect(at(row, column, channel)).toBe(at(0, column, channel)); // stripes
    expect(new Set(x).size).toBe(2);
    await run.release();
  });

  it.each([false, true])(
    'under l2 spends the whole ball, in the range, and fools more with more queries (channels last: %s)',
    async (channelsLast) => {
      const ball: ThreatModel = { norm: 'l2', epsilon: 0.5, range: [0, 1] };
      const shape = { ...picture, channelsLast };
      const stand = async (queries: number) => {
        const found = await square(forward, data, ball, { picture: shape, queries, random: random(3), batch: 16 });
        expect(largestPerturbation('l2', found.x, data.x, FEATURES)).toBeLessThan(0.5 * (1 + 1e-5));
        expect(found.x.every((value) => value >= 0 && value <= 1)).toBe(true);
        expect(found.standing.filter(Boolean).length).toBe(found.standing.length - (await fooled(found.x)));
        return found.standing.filter(Boolean).length;
      };
      const fooled = async (x: Float32Array) => {
        const logits = await forward.run(x, data.n);
        return [...data.y.keys()].filter((row) => {
          const own = [...logits.subarray(row * forward.classes, (row + 1) * forward.classes)];
          return own.indexOf(Math.max(...own)) !== data.y[row];
        }).length;
      };
      expect(await stand(150)).toBeLessThan(await stand(1));
    },
  );

  it('refuses what it cannot do, by name', async () => {
    const options = { picture, queries: 5, random: random(1), batch: 4 };
    await expect(square(forward, data, threat, { ...options, picture: { ...picture, width: 5 } })).rejects.toThrow(
      /picture/,
    );
  });
});

describe('runFurtherAttacks', () => {
  const options: FurtherOptions = {
    executor,
    threat,
    steps: 10,
    restarts: 2,
    queries: 30,
    picture,
    seed: 1,
    batch: 16,
  };

  it('goes on with what is left, in its own order', async () => {
    const half = [...data.y.keys()].filter((row) => row % 2 === 0);
    const results = await runFurtherAttacks(model, data, half, ['square', 'apgd-dlr', 'cw', 'apgd-ce'], options);
    expect(results.map(({ attack }) => attack)).toEqual(['cw', 'apgd-ce', 'apgd-dlr', 'square']);
    let before = half;
    for (const { standing } of results) {
      expect(before).toEqual(expect.arrayContaining(standing));
      before = standing;
    }
    expect(before.length).toBeLessThan(half.length);
    expect(await runFurtherAttacks(model, data, half, ['cw'], options)).toEqual([results[0]]);
  });

  it('has nothing to do where nothing stands', async () => {
    expect(await runFurtherAttacks(model, data, [], ['cw'], options)).toEqual([
      { attack: 'cw', standing: [], largestPerturbation: 0 },
    ]);
  });
});
