import { thresholdsFor } from '../verdict/decision.js';
import { AIM_STATISTICS, findAim, LEAST_AIM_MEAN } from './aim-calibration.js';
import type { TestMaterial } from './test-material.js';
import type { Calibration, LabelledCalibration, SplitChoice } from './calibration.js';
import { bestChoice, separation } from './choose-split.js';
import type { Finding } from './finding.js';
import { costlyAttacks, NO_COSTLY_ATTACK } from './gap.js';
import { findGated } from './gated-calibration.js';
import { findLabelled, LABELLED_STATISTICS, LEAST_LABELLED_MEAN } from './labelled-calibration.js';
import type { Wanted } from './measure.js';
import { SCREENING_SHIFTS, SHIFTS } from './pair-table.js';
import { measureAll, measurePermuted, withAim, withLabels, type MeasuredCondition } from './measured.js';

/** Rows that choose (q, p); the bounds come from all. */
const SCREENING = { rows: 80, shifts: SCREENING_SHIFTS };
const ALL = { rows: Infinity, shifts: SHIFTS };
/** With more, the table for each possible label would grow too large. */
const MOST_LABELS = 20;
const AIM_CHOICES = choices([0.1, 0.5], [1, 2]);
const LABELLED_CHOICES = choices([0.03, 0.1, 0.3, 0.5], [0, 1, 2]);

function choices(shares: readonly number[], powers: readonly SplitChoice['p'][]): SplitChoice[] {
  return shares.flatMap((q) => powers.map((p) => ({ q, p })));
}

/** Finds (q, p) and the bounds of each of the three tests, and which of them this model keeps. */
export async function calibrateTests(material: TestMaterial): Promise<Calibration['tests']> {
  const { model, cleanAccuracy, random, conditions } = material;
  // A hardened model: nothing to measure power against, so none of the dear measurements are needed.
  if (costlyAttacks(conditions, cleanAccuracy).length === 0) return noTests(NO_COSTLY_ATTACK);
  const labelledChoices = model.classes <= MOST_LABELS ? LABELLED_CHOICES : [];
  const screened = await measureAll(material, together(AIM_CHOICES, labelledChoices), SCREENING);
  const choice = {
    aim: bestAim(screened),
    labelled: labelledChoices.length > 0 ? bestLabelled(screened) : null,
  };
  const wanted = together([choice.aim], choice.labelled ? [choice.labelled] : []);
  const measured = await measureAll(material, wanted, ALL);

  const aimed = withAim(measured, choice.aim);
  const aim = findAim(aimed, choice.aim, cleanAccuracy, random);
  const gated = await findGated(material, choice.aim, aimed, aim);
  const labelled = choice.labelled
    ? findLabelled(
        withLabels(measured, choice.labelled),
        await measurePermuted(material, choice.labelled, random),
        choice.labelled,
        cleanAccuracy,
        random,
      )
    : tooManyLabels;

  const enabled = [aim, gated, labelled].filter(({ calibration }) => calibration.enabled).length;
  const thresholds = thresholdsFor(enabled);
  return {
    aim: { ...aim.calibration, power: aim.power(thresholds) },
    gated: { ...gated.calibration, power: gated.power(thresholds) },
    labelled: { ...labelled.calibration, power: labelled.power(thresholds) },
  };
}

const bestAim = (screened: readonly MeasuredCondition[]): SplitChoice =>
  bestChoice(
    AIM_CHOICES.map((choice) => ({
      choice,
      score: separation(withAim(screened, choice), AIM_STATISTICS, LEAST_AIM_MEAN),
    })),
  );

const bestLabelled = (screened: readonly MeasuredCondition[]): SplitChoice =>
  bestChoice(
    LABELLED_CHOICES.map((choice) => ({
      choice,
      score: separation(withLabels(screened, choice), LABELLED_STATISTICS, LEAST_LABELLED_MEAN),
    })),
  );

/** Both tests share the gradients at one q. */
function together(aim: readonly SplitChoice[], labelled: readonly SplitChoice[]): Wanted[] {
  const powers = (chosen: readonly SplitChoice[], q: number) => chosen.filter((one) => one.q === q).map(({ p }) => p);
  const shares = new Set([...aim, ...labelled].map(({ q }) => q));
  return [...shares].map((q) => ({ q, aim: powers(aim, q), labelled: powers(labelled, q) }));
}

const off = (reason: string) => ({
  enabled: false,
  reason,
  gap: null,
  worstKind: null,
  config: null,
  bounds: null,
  power: [],
});

const tooManyLabels: Finding<LabelledCalibration> = {
  calibration: off(`it is made for at most ${MOST_LABELS} classes`),
  power: () => [],
};

/** For models that are known beforehand to have no test. */
export const noTests = (reason: string): Calibration['tests'] => ({
  aim: off(reason),
  gated: { ...off(reason), gate: null, selects: null },
  labelled: off(reason),
});
