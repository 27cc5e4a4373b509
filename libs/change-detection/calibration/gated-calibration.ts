import { gateSelects } from '../aim/gate.js';
import { prepareBasis } from '../aim/transform.js';
import { aimBounds, aimGap, worstAimKind, type AimCondition } from './aim-calibration.js';
import type { AimCalibration, GatedCalibration, SplitChoice } from './calibration.js';
import { pickRows, sliceRows } from './conditions.js';
import { powerOver, type Finding } from './finding.js';
import { calibrateGate, coefficientsOf, type GateFindings } from './gate-calibration.js';
import { measure } from './measure.js';
import { SHIFTS } from './pair-table.js';
import { aimPower } from './power.js';
import type { TestMaterial } from './test-calibration.js';

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
  const bounds = aimBounds(harmless, cleanAccuracy);
  const { gate, selects } = findings;
  return {
    calibration: {
      enabled: true,
      reason: null,
      gap: aimGap(selected, bounds, cleanAccuracy),
      worstKind: worstAimKind(harmless),
      config,
      bounds,
      gate,
      selects,
    },
    power: (thresholds) =>
      powerOver(selected, ({ tables, share }) => aimPower(tables, bounds, thresholds, random, share)),
  };
}

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

/** The tables of the rows that the gate selects, paired with each other, where there are enough of them. */
async function measureSelected(
  { model, split, conditions, signal }: TestMaterial,
  { q, p }: SplitChoice,
  { gate }: GateFindings,
): Promise<(AimCondition & { share: number })[]> {
  const basis = prepareBasis(split.basis);
  const results = [];
  for (const { rows, ...condition } of conditions) {
    signal?.throwIfAborted();
    const all = rows();
    const picked = coefficientsOf(basis, all).flatMap((a, row) => (gateSelects(gate, a) ? [row] : []));
    if (picked.length < LEAST_SELECTED) continue;
    const { aim } = await measure(model, pickRows(all, picked), split, { q, aim: [p], labelled: [] }, SHIFTS);
    results.push({ ...condition, tables: aim.get(p)!, share: picked.length / all.n });
  }
  return results;
}
