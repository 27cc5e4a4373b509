import {
  aimClasses,
  aimedRow,
  aimPair,
  gateSelects,
  groupOf,
  labelledTable,
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

/** Partners of each row. */
const PARTNERS = 4;

/** What the collector would tell of rows of one kind, as pairs to draw streams from: the gradients are taken once for all streams. */
export interface Pool {
  aim: PairStatistics[];
  /** Of two rows that the gate selects. */
  gated: PairStatistics[];
  /** Share of the rows that the gate selects. */
  selected: number;
  labelled: GroupStatistics[];
}

export async function poolOf(model: ModelFunctions, calibration: Calibration, rows: TrustedRows): Promise<Pool> {
  const { aim, gated, labelled } = calibration.tests;
  const aimed = await differentiated(model, calibration, aim.config!, rows);
  const told = await differentiated(model, calibration, labelled.config!, rows);
  const selected = aimed.filter(({ split }) => gated.gate !== null && gateSelects(gated.gate, split.coefficients));
  return {
    aim: pairs(aimed, PARTNERS).map(([i, j]) => aimPair(i.aimed(), j.aimed())),
    gated: pairs(selected, 2 * PARTNERS).map(([i, j]) => aimPair(i.aimed(), j.aimed())),
    selected: selected.length / rows.n,
    labelled: pairs(told, PARTNERS).map((members) => {
      const table = labelledTable(members.map((one) => ({ ...one, residual: one.split.residual })));
      return groupOf(members.map(({ label }, i) => table[i]![label]!));
    }),
  };
}

/** The rows that enter the gated test. */
export function selectedByGate({ split, tests }: Calibration, { x, n }: TrustedRows): number[] {
  const { config, gate } = tests.gated;
  const splitter = prepareSplit(split!, config!);
  const features = x.length / n;
  return Array.from({ length: n }, (_, row) => row).filter((row) =>
    gateSelects(gate!, splitRow(splitter, x.subarray(row * features, (row + 1) * features)).coefficients),
  );
}

/** Each row with the `partners` rows after it, around the end: the rows are in random order. */
const pairs = <T>(rows: readonly T[], partners: number): [T, T][] =>
  rows.flatMap((row, i) =>
    Array.from({ length: Math.min(partners, Math.floor((rows.length - 1) / 2)) }, (_, s): [T, T] => [
      row,
      rows[(i + s + 1) % rows.length]!,
    ]),
  );

async function differentiated(
  { gradients: run, features, classes }: ModelFunctions,
  { split }: Calibration,
  config: Parameters<typeof prepareSplit>[1],
  { x, y, n }: TrustedRows,
) {
  const splitter = prepareSplit(split!, config);
  const splits = Array.from({ length: n }, (_, row) =>
    splitRow(splitter, x.subarray(row * features, (row + 1) * features)),
  );
  const lows = new Float32Array(n * features);
  splits.forEach(({ lo }, row) => lows.set(lo, row * features));
  const { logits, gradients } = await run(lows, n, () => 'all');
  return splits.map((split, row) => {
    const own = logits.slice(row * classes, (row + 1) * classes);
    const chosen = aimClasses(0, own) as number[];
    const aimed = () =>
      aimedRow(
        split,
        own,
        chosen.map((k) => gradients[row]![k]!),
        chosen,
      );
    return { split, logits: own, gradients: gradients[row]!, label: y[row]!, aimed };
  });
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
    for (const _request of [1, 2]) if (pool.gated.length > 0 && stream.next() < pool.selected) selected++;
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
  { gated }: Pool,
  { pairs, seed }: { pairs: number; seed: number },
): Verdict {
  const stream = random(seed);
  let states = openTests(calibration, { groupSize: 2 });
  for (let pair = 0; pair < pairs; pair++) {
    states = updateTests(states, { test: 'gated', pair: gated[Math.floor(stream.next() * gated.length)]! });
  }
  return verdictOf(states, { outOfTime: true });
}
