import {
  aimClasses,
  aimedRow,
  aimPair,
  gateSelects,
  openTests,
  prepareSplit,
  splitRow,
  updateTests,
  verdictOf,
  type Calibration,
  type ModelFunctions,
  type PairStatistics,
  type TrustedRows,
  type Verdict,
} from '#change-detection';
import { random } from '#adversarial';

/** Partners of each row. */
const PARTNERS = 8;

/** What the collector would tell of rows that the gate selects: pairs to draw streams from. */
export async function gatedPairs(
  model: ModelFunctions,
  calibration: Calibration,
  rows: TrustedRows,
): Promise<PairStatistics[]> {
  const aimed = await differentiated(model, calibration, calibration.tests.gated.config!, rows);
  return pairs(aimed, PARTNERS).map(([i, j]) => aimPair(i, j));
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
  model: ModelFunctions,
  { split }: Calibration,
  config: Parameters<typeof prepareSplit>[1],
  { x, n }: TrustedRows,
) {
  const { features, classes } = model;
  const splitter = prepareSplit(split!, config);
  const splits = Array.from({ length: n }, (_, row) =>
    splitRow(splitter, x.subarray(row * features, (row + 1) * features)),
  );
  const lows = new Float32Array(n * features);
  splits.forEach(({ lo }, row) => lows.set(lo, row * features));
  const { logits, gradients } = await model.gradients(lows, n, () => 'all');
  return splits.map((split, row) => {
    const own = logits.slice(row * classes, (row + 1) * classes);
    const chosen = aimClasses(0, own) as number[];
    return aimedRow(
      split,
      own,
      chosen.map((k) => gradients[row]![k]!),
      chosen,
    );
  });
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
