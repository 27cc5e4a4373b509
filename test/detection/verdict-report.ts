/**
 * What the tests of the demo's model say of streams of harmless changes that its calibration has not seen, of clean requests that all pass the
 * gate, and of attacks: one JSON object. Run as a program, `node dist/test/detection/verdict-report.js`: inside Jest it takes four times as long.
 */
import { fileURLToPath } from 'node:url';
import type { TrustedRows } from '#change-detection';
import { onImages } from '../../libs/change-detection/calibration/corruptions/corruptions.js';
import { imageLayout } from '../../libs/change-detection/calibration/image-layout.js';
import { seeded } from '../../libs/change-detection/randomness.js';
import { demoModel, firstRows, pickRows, type DemoModel } from './demo-model.js';
import { UNSEEN } from './unseen-corruptions.js';
import { gatedPairs, play, playGated, poolOf, selectedByGate, type StreamEnd } from './verdict-streams.js';

const STREAMS = 20;
const REQUESTS = 3000;
const GATED_STREAMS = 10;
const GATED_PAIRS = 2000;
/** Rows that are attacked. */
const ATTACKED = 300;
const ATTACKS = [
  ['fgsm', 0.1],
  ['pgd', 0.1],
  ['pgd', 0.3],
] as const;

/** How the streams of one kind ended. */
export interface KindReport {
  attack: number;
  drift: number;
  undetermined: number;
  /** Largest e-value against the test's threshold, and mean score against what is allowed, by test. */
  tests: Record<string, { e: number; threshold: number; mean: number; allowed: number }>;
}

export interface AttackReport {
  attack: string;
  epsilon: number;
  /** By calibration: of the test that is soonest, at 100 % of the traffic. */
  expectedRequests: number | null;
  streams: { kind: string; after: number }[];
}

export interface VerdictReport {
  streams: number;
  harmless: Record<string, KindReport>;
  gated: { selected: number; of: number; report: KindReport };
  attacks: AttackReport[];
}

export async function verdictReport(demo: DemoModel): Promise<VerdictReport> {
  const harmless: VerdictReport['harmless'] = {};
  for (const [kind, changed] of changes(demo)) harmless[kind] = summary(await streams(demo, changed));
  const selected = selectedByGate(demo.calibration, demo.unseen);
  const attacks: AttackReport[] = [];
  for (const [attack, epsilon] of ATTACKS) {
    const ends = await streams(demo, await demo[attack](firstRows(demo.unseen, ATTACKED), epsilon));
    attacks.push({
      attack,
      epsilon,
      expectedRequests: expectedRequests(demo, attack, epsilon),
      streams: ends.map(({ kind, after }) => ({ kind, after })),
    });
  }
  const gated = { selected: selected.length, of: demo.unseen.n, report: summary(await throughTheGate(demo, selected)) };
  return { streams: STREAMS, harmless, gated, attacks };
}

function* changes({ unseen: rows, calibration: { input } }: DemoModel): Generator<[string, TrustedRows]> {
  const layout = imageLayout(input)!;
  yield ['no change', rows];
  for (const [kind, change] of Object.entries(UNSEEN))
    yield [kind, { ...rows, x: onImages(kind, change, layout, input).apply(rows.x, rows.n, seeded(7)) }];
}

async function streams({ functions, calibration }: DemoModel, rows: TrustedRows): Promise<StreamEnd[]> {
  const pool = await poolOf(functions, calibration, rows);
  return Array.from({ length: STREAMS }, (_, seed) => play(calibration, pool, { requests: REQUESTS, seed }));
}

async function throughTheGate({ functions, calibration, unseen }: DemoModel, selected: number[]) {
  const pool = await gatedPairs(functions, calibration, pickRows(unseen, selected));
  return Array.from({ length: GATED_STREAMS }, (_, seed) => playGated(calibration, pool, { pairs: GATED_PAIRS, seed }));
}

function expectedRequests({ calibration }: DemoModel, attack: string, epsilon: number): number | null {
  const expected = Object.values(calibration.tests).flatMap(({ power }) =>
    power.flatMap((one) => (one.attack === attack && one.epsilon === epsilon ? (one.expectedRequests ?? []) : [])),
  );
  return expected.length === 0 ? null : Math.min(...expected);
}

function summary(ends: readonly Pick<StreamEnd, 'kind' | 'evidence'>[]): KindReport {
  const count = (verdict: StreamEnd['kind']) => ends.filter(({ kind }) => kind === verdict).length;
  const tests = ends[0]!.evidence.map(({ test, allowed, attackThreshold }) => {
    const own = ends.flatMap(({ evidence }) => evidence.filter((one) => one.test === test));
    const mean = own.reduce((sum, one) => sum + (one.mean ?? 0.5), 0) / own.length;
    return [test, { e: Math.max(...own.map(({ attackE }) => attackE)), threshold: attackThreshold, mean, allowed }];
  });
  return {
    attack: count('attack'),
    drift: count('drift'),
    undetermined: count('undetermined'),
    tests: Object.fromEntries(tests) as KindReport['tests'],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const demo = await demoModel();
  console.log(JSON.stringify(await verdictReport(demo)));
  await demo.release();
}
