import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  aimClasses,
  aimedRow,
  aimPair,
  gateSelects,
  labelledTable,
  prepareSplit,
  splitRow,
  type AimedRow,
  type ModelFunctions,
} from '#change-detection';
import { compileForward, compileLogitGradients, ortExecutor, parseModel } from '#onnx-autodiff';
import { handMadeCalibration } from '../testing/calibration.js';
import { randomImages, smallModel, uniformStream } from '../testing/images.js';
import { VerdictStatistics } from './verdict-statistics.js';

const calibration = handMadeCalibration();
const images = randomImages(23, uniformStream(5));
const members = images.map((_, row) => ({ id: 'r', row }));
const all = ['aim', 'gated', 'labelled'] as const;
let model: ModelFunctions;

beforeAll(async () => {
  const options = { batch: 16, executor: ortExecutor({ threads: 1 }) };
  const parsed = parseModel(smallModel());
  const forward = await compileForward(parsed, options);
  const gradients = await compileLogitGradients(parsed, { ...options, seeds: 2 });
  model = {
    classes: 3,
    features: 64,
    forward: (x, rows) => forward.run(x, rows),
    gradients: (x, rows, choose) => gradients.run(x, rows, choose),
  };
});

/** Feeds the images in batches of the given sizes. */
async function statisticsOf(sizes: number[], tests: readonly ('aim' | 'gated' | 'labelled')[] = all, groupSize = 4) {
  const statistics = new VerdictStatistics(calibration, { anomalyId: 'a', tests: [...tests], groupSize });
  const found = { pairs: [] as unknown[], groups: [] as unknown[] };
  let from = 0;
  for (const size of sizes) {
    const x = new Float32Array(size * 64);
    images.slice(from, from + size).forEach((image, i) => x.set(image, i * 64));
    const { pairs, groups } = await statistics.add(model, members.slice(from, from + size), x);
    found.pairs.push(...pairs);
    found.groups.push(...groups);
    from += size;
  }
  return found;
}

/** One row at a time, by the steps that change-detection documents. */
async function aimedAlone(row: number, config: 'aim' | 'gated'): Promise<AimedRow> {
  const split = splitRow(prepareSplit(calibration.split!, calibration.tests[config].config!), images[row]!);
  const { logits, gradients } = await model.gradients(split.lo, 1, aimClasses);
  return aimedRow(split, logits, gradients[0]!, aimClasses(0, logits) as number[]);
}

describe('verdict statistics', () => {
  it('pair consecutive rows, each row once', async () => {
    const { pairs } = await statisticsOf([23], ['aim']);
    expect(pairs).toHaveLength(11);
    for (let k = 0; k < 11; k++) {
      expect(pairs[k]).toMatchObject({ test: 'aim', members: [members[2 * k], members[2 * k + 1]] });
    }
    const { abs, maxabs } = aimPair(await aimedAlone(4, 'aim'), await aimedAlone(5, 'aim'));
    const { T } = pairs[2] as { T: { abs: number[]; maxabs: number[] } };
    T.abs.forEach((t, i) => expect(t).toBeCloseTo(abs[i]!, 5));
    T.maxabs.forEach((t, i) => expect(t).toBeCloseTo(maxabs[i]!, 5));
  });

  it('do not depend on how rows are batched', async () => {
    const whole = await statisticsOf([23]);
    const parts = await statisticsOf([1, 2, 3, 1, 9, 7]);
    const byTest = (found: { pairs: unknown[] }, test: string) =>
      found.pairs.filter((pair) => (pair as { test: string }).test === test);
    for (const test of ['aim', 'gated']) {
      const [a, b] = [byTest(whole, test), byTest(parts, test)];
      expect(a.length).toBeGreaterThan(2);
      expect(b.map((pair) => (pair as { members: unknown }).members)).toEqual(
        a.map((pair) => (pair as { members: unknown }).members),
      );
    }
    expect(parts.groups).toHaveLength(whole.groups.length);
  });

  it('pair the rows that the gate selects apart', async () => {
    const { gate, config } = calibration.tests.gated;
    const splitter = prepareSplit(calibration.split!, config!);
    const selected = members.filter(({ row }) => gateSelects(gate!, splitRow(splitter, images[row]!).coefficients));
    expect(selected.length).toBeGreaterThan(3);
    expect(selected.length).toBeLessThan(members.length);
    const { pairs } = await statisticsOf([8, 15], ['gated']);
    expect(pairs).toHaveLength(Math.floor(selected.length / 2));
    expect(pairs.flatMap((pair) => (pair as { members: unknown[] }).members)).toEqual(
      selected.slice(0, 2 * pairs.length),
    );
  });

  it('make a table for every possible label of a full group', async () => {
    const { groups } = await statisticsOf([23], ['labelled']);
    expect(groups).toHaveLength(5);
    const first = groups[1] as { members: unknown[]; tables: { near: number[]; max: number[] }[][] };
    expect(first.members).toEqual(members.slice(4, 8));
    const splitter = prepareSplit(calibration.split!, calibration.tests.labelled.config!);
    const rows = await Promise.all(
      [4, 5, 6, 7].map(async (row) => {
        const { lo, residual } = splitRow(splitter, images[row]!);
        const { logits, gradients } = await model.gradients(lo, 1, () => 'all');
        return { residual, logits, gradients: gradients[0]! };
      }),
    );
    const expected = labelledTable(rows);
    expect([first.tables.length, first.tables[0]!.length, first.tables[0]![0]!.near.length]).toEqual([4, 3, 4]);
    first.tables.forEach((table, i) =>
      table.forEach(({ near }, label) =>
        near.forEach((t, j) => expect(t).toBeCloseTo(expected[i]![label]!.near[j]!, 5)),
      ),
    );
  });

  it('leave the labelled test out where the tables would grow too large', async () => {
    const many = new VerdictStatistics(handMadeCalibration(21), { anomalyId: 'a', tests: ['labelled'], groupSize: 2 });
    expect(await many.add(model, members.slice(0, 2), new Float32Array(128))).toEqual({ pairs: [], groups: [] });
  });

  it('run only the tests of the anomaly', async () => {
    expect(await statisticsOf([23], [])).toEqual({ pairs: [], groups: [] });
  });
});
