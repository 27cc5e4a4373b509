import {
  aimClasses,
  aimedRow,
  aimPair,
  gateSelects,
  groupOf,
  openTests,
  prepareSplit,
  splitRow,
  updateTests,
  verdictOf,
  type Calibration,
  type GroupStatistics,
  type ModelFunctions,
  type PairStatistics,
  type TrustedRows,
  type Verdict,
} from '#change-detection';
import { random } from '#adversarial';
import { labelledAim, labelledDirections } from '../../libs/change-detection/aim/directions.js';
import { firstRows, pickRows } from './demo-model.js';

/** Rows that are differentiated for each test. */
const ROWS = 200;
/** Partners of each row. */
const PARTNERS = 4;
/** Of fewer rows that pass the gate the same few pairs would be drawn again and again, which no traffic does. */
const FEWEST = 15;

type Configuration = Parameters<typeof prepareSplit>[1];

/** What the collector would tell of rows of one kind, to draw streams from: gradients are taken once for all streams. */
export interface Pool {
  aim: PairStatistics[];
  /** Of two rows that the gate selects; none where it selects too few. */
  gated: PairStatistics[];
  /** Share of the rows that the gate selects. */
  selected: number;
  labelled: GroupStatistics[];
}

export async function poolOf(model: ModelFunctions, calibration: Calibration, all: TrustedRows): Promise<Pool> {
  const { tests } = calibration;
  const selected = selectedByGate(calibration, all);
  const rows = firstRows(all, ROWS);
  return {
    aim: aimPairs(await differentiated(model, calibration, tests.aim.config!, rows)),
    gated: selected.length < FEWEST ? [] : await gatedPairs(model, calibration, pickRows(all, selected.slice(0, ROWS))),
    selected: selected.length / all.n,
    labelled: labelledPairs(await differentiated(model, calibration, tests.labelled.config!, rows)),
  };
}

export const gatedPairs = async (
  model: ModelFunctions,
  calibration: Calibration,
  selected: TrustedRows,
): Promise<PairStatistics[]> =>
  aimPairs(await differentiated(model, calibration, calibration.tests.gated.config!, selected));

/** The rows that enter the gated test. */
export function selectedByGate({ split, tests }: Calibration, { x, n }: TrustedRows): number[] {
  const { config, gate } = tests.gated;
  const splitter = prepareSplit(split!, config!);
  const features = x.length / n;
  return Array.from({ length: n }, (_, row) => row).filter((row) =>
    gateSelects(gate!, splitRow(splitter, x.subarray(row * features, (row + 1) * features)).coefficients),
  );
}

type Differentiated = Awaited<ReturnType<typeof differentiated>>;

function aimPairs(rows: Differentiated): PairStatistics[] {
  const aimed = rows.map(({ split, logits, gradients }) => {
    const chosen = aimClasses(0, logits) as number[];
    const ofChosen = chosen.map((k) => gradients[k]!);
    return aimedRow(split, logits, ofChosen, chosen);
  });
  return pairs(aimed).map(([i, j]) => aimPair(i, j));
}

/** Every label comes: of the tables over all labels that a collector has to keep, only the rows of the true ones are made. */
function labelledPairs(rows: Differentiated): GroupStatistics[] {
  const aimed = rows.map(({ split, logits, gradients, label }) => ({
    residual: split.residual,
    directions: labelledDirections(logits, (k) => gradients[k]!, label),
  }));
  return pairs(aimed).map((members) =>
    groupOf(
      members.map(({ directions }) => {
        const statistics = members.map(({ residual }) => labelledAim(directions, residual));
        return { near: statistics.map(({ near }) => near), max: statistics.map(({ max }) => max) };
      }),
    ),
  );
}

/** Each row with the rows after it, around the end: the rows are in random order. */
const pairs = <T>(rows: readonly T[]): [T, T][] =>
  rows.flatMap((row, i) =>
    Array.from({ length: Math.min(PARTNERS, Math.floor((rows.length - 1) / 2)) }, (_, s): [T, T] => [
      row,
      rows[(i + s + 1) % rows.length]!,
    ]),
  );

async function differentiated(
  model: ModelFunctions,
  { split }: Calibration,
  configuration: Configuration,
  { x, y, n }: TrustedRows,
) {
  const { features, classes } = model;
  const splitter = prepareSplit(split!, configuration);
  const splits = Array.from({ length: n }, (_, row) =>
    splitRow(splitter, x.subarray(row * features, (row + 1) * features)),
  );
  const lows = new Float32Array(n * features);
  splits.forEach(({ lo }, row) => lows.set(lo, row * features));
  const { logits, gradients } = await model.gradients(lows, n, () => 'all');
  return splits.map((split, row) => ({
    split,
    logits: logits.slice(row * classes, (row + 1) * classes),
    gradients: gradients[row]!,
    label: y[row]!,
  }));
}

export interface StreamEnd extends Verdict {
  /** Requests until `attack`, or until the end. */
  after: number;
}

/** Requests of one kind, drawn at random, from the moment an anomaly opens; every label comes. */
export function play(
  calibration: Calibration,
  pool: Pool,
  { requests, seed }: { requests: number; seed: number },
): StreamEnd {
  const stream = random(seed);
  const drawn = <T>(from: readonly T[]): T => from[Math.floor(stream.next() * from.length)]!;
  let states = openTests(calibration, { groupSize: 2 });
  let selected = 0;
  for (let after = 2; after <= requests; after += 2) {
    states = updateTests(states, { test: 'aim', pair: drawn(pool.aim) });
    states = updateTests(states, { test: 'labelled', group: drawn(pool.labelled) });
    if (pool.gated.length > 0) selected += [stream.next(), stream.next()].filter((u) => u < pool.selected).length;
    if (selected >= 2) {
      states = updateTests(states, { test: 'gated', pair: drawn(pool.gated) });
      selected -= 2;
    }
    if (states.some(({ decision }) => decision === 'attack'))
      return { ...verdictOf(states, { outOfTime: false }), after };
  }
  return { ...verdictOf(states, { outOfTime: true }), after: requests };
}

/** The gated test alone, on as many pairs of selected requests. */
export function playGated(
  calibration: Calibration,
  gated: readonly PairStatistics[],
  { pairs, seed }: { pairs: number; seed: number },
): Verdict {
  const stream = random(seed);
  let states = openTests(calibration, { groupSize: 2 });
  for (let pair = 0; pair < pairs; pair++) {
    states = updateTests(states, { test: 'gated', pair: gated[Math.floor(stream.next() * gated.length)]! });
  }
  return verdictOf(states, { outOfTime: true });
}
