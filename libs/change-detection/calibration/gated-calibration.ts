import { gateScore } from '../aim/gate.js';
import { prepareBasis } from '../aim/transform.js';
import { aimBounds, aimGap, LEAST_AIM_GAP, worstAimKind, type AimCondition } from './aim-calibration.js';
import type { AimBounds, AimCalibration, GatedCalibration, SplitChoice } from './calibration.js';
import { pickRows, sliceRows } from './conditions.js';
import { powerOver, refusal, type Finding } from './finding.js';
import { calibrateGate, coefficientsOf, type GateFindings } from './gate-calibration.js';
import { measure } from './measure.js';
import { SHIFTS } from './pair-table.js';
import { aimPower } from './power.js';
import type { TestMaterial } from './test-material.js';

/** Selected rows of a condition, at least, for a bound from them. */
const LEAST_SELECTED = 40;

/** The test without labels on the rows that a gate selects; with the same (q, p). Refused where that test is. */
export async function findGated(
  material: TestMaterial,
  config: SplitChoice,
  unselected: readonly AimCondition[],
  aim: Finding<AimCalibration>,
): Promise<Finding<GatedCalibration>> {
  const { rows, fitted, conditions, split, cleanAccuracy, random } = material;
  if (!aim.calibration.enabled) return gatedOff('the test without labels has no power on this model', config);
  const half = fitted.n + Math.floor((rows.n - fitted.n) / 2);
  const findings = calibrateGate({
    split,
    q: config.q,
    fitted,
    attacked: conditions.filter(({ role }) => role === 'attack').map(({ rows }) => rows()),
    forThreshold: sliceRows(rows, fitted.n, half),
    forCheck: sliceRows(rows, half, rows.n),
  });
  if (!findings) return gatedOff('too few trusted rows are left to check the gate', config);
  if (findings.reason) return gatedOff(findings.reason, config, findings);
  const selected = await measureSelected(material, config, findings);
  const harmless = [...unselected, ...selected.filter(({ role }) => role !== 'attack')];
  const found = aimBounds(harmless, cleanAccuracy);
  const { gate, selects } = findings;
  const gap = aimGap(selected, found, cleanAccuracy);
  const reason = refusal(gap, LEAST_AIM_GAP);
  const bounds = withMargin(found, gap ?? 0);
  return {
    calibration: {
      enabled: reason === null,
      reason,
      gap,
      worstKind: worstAimKind(harmless),
      config,
      bounds,
      gate,
      selects,
    },
    power: (thresholds) =>
      powerOver(selected, ({ tables, share }) => (reason ? null : aimPower(tables, bounds, thresholds, random, share))),
  };
}

/** As far as labelled bounds: of harmless rows the gate selects too few for their mean to be known well. */
const MARGIN = 1 / 3;
const HIGHEST = 0.95;

const withMargin = (bounds: AimBounds, gap: number): AimBounds => {
  const raised = (m0: number) => Math.min(HIGHEST, m0 + MARGIN * Math.max(0, gap));
  return { ...bounds, m0: { abs: raised(bounds.m0.abs), maxabs: raised(bounds.m0.maxabs) } };
};

const gatedOff = (reason: string, config: SplitChoice, findings?: GateFindings): Finding<GatedCalibration> => ({
  calibration: {
    enabled: false,
    reason,
    gap: null,
    worstKind: null,
    config,
    bounds: null,
    gate: findings?.gate ?? null,
    selects: findings?.selects ?? null,
  },
  power: () => [],
});

/**
 * The tables of the rows that the gate selects, paired with each other, where there are enough of them. Of unchanged rows it selects so few
 * that all trusted ones are searched, and where even they are too few, those that come closest stand in: without them nothing would
 * keep clean traffic, selected for looking unusual, below the bounds.
 */
async function measureSelected(
  { model, split, conditions, rows: trusted, signal }: TestMaterial,
  { q, p }: SplitChoice,
  { gate }: GateFindings,
): Promise<(AimCondition & { share: number })[]> {
  const basis = prepareBasis(split.basis);
  const results = [];
  for (const { rows, ...condition } of conditions) {
    signal?.throwIfAborted();
    const clean = condition.role === 'clean';
    const all = clean ? trusted : rows();
    const scores = coefficientsOf(basis, all).map((a) => gateScore(gate, a));
    const selected = scores.filter((score) => score > gate.threshold).length;
    if (!clean && selected < LEAST_SELECTED) continue;
    const picked = mostUnusual(scores, Math.max(selected, LEAST_SELECTED));
    const { aim } = await measure(model, pickRows(all, picked), split, { q, aim: [p], labelled: [] }, SHIFTS);
    results.push({ ...condition, tables: aim.get(p)!, share: selected / all.n });
  }
  return results;
}

/** The places of the largest scores, in their own order: neighbours must not be alike. */
const mostUnusual = (scores: readonly number[], count: number): number[] =>
  Array.from(scores.keys())
    .sort((a, b) => scores[b]! - scores[a]!)
    .slice(0, count)
    .sort((a, b) => a - b);
