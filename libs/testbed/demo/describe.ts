import type { CalibrationSummary, EventData, RecoveryCertificate } from '#contracts';
import type { DemoResult } from './result.js';
import { percent, type View } from './view.js';
import type { Seen } from './watch.js';

const pct = (share: number) => `${(100 * share).toFixed(1)} %`;
const is = <N extends Seen['name']>(seen: Seen, name: N): seen is Seen<N> => seen.name === name;

/** Says what an event means to whoever follows the run. Events that the run itself reports on are left out. */
export function describe(seen: Seen, view: View): void {
  if (is(seen, 'calibration.completed')) {
    view.line(`calibrated on ${seen.event.data.summary.rows} trusted rows`);
    calibrationTable(seen.event.data.summary, view);
  } else if (is(seen, 'training.progress')) {
    const { step, totalSteps, epoch, epochs, accuracy, robustAccuracy, etaSeconds } = seen.event.data;
    const robust = robustAccuracy === null ? '' : `, validation under PGD ${pct(robustAccuracy)}`;
    view.progress(
      'hardening',
      step / totalSteps,
      `epoch ${epoch}/${epochs}, batches under attack ${pct(accuracy)}${robust}, ${Math.round(etaSeconds)} s left`,
    );
  } else if (is(seen, 'training.completed')) {
    view.line(
      `hardened by ${seen.event.data.trainer} in ${seen.event.data.seconds.toFixed(1)} s; judging the candidate on rows it has never seen ...`,
    );
  } else if (is(seen, 'evaluation.completed')) {
    gateTable(seen.event.data, view);
  } else if (is(seen, 'deployment.progressed')) {
    const { phase, percent: share, traffic, canary } = seen.event.data;
    const judged = canary ? `, canary accuracy ${percent(canary)} on ${canary.n} labelled` : '';
    const split = Object.entries(traffic).map(([revision, p]) => `${revision} ${p} %`);
    view.line(`rollout: ${phase} at ${share} %   ${split.join(', ')}${judged}`);
  } else if (is(seen, 'defense.changed')) {
    const { from, state, reason } = seen.event.data;
    view.line(`defense: ${from ? `${from} → ` : ''}${state}${reason ? `   (${reason})` : ''}`);
  } else if (is(seen, 'defense.question')) {
    view.line(`a person has to decide: ${seen.event.data.question}`);
  } else if (is(seen, 'defense.contained')) {
    view.line(`contained: ${seen.event.data.reason}`);
  } else if (seen.name.endsWith('.failed') || seen.name === 'deployment.rolled-back') {
    view.line(`${seen.name}: ${(seen.event.data as { reason: string }).reason}`);
  }
}

function gateTable({ baseline, candidate }: EventData<'evaluation.completed'>, view: View): void {
  const { steps, restarts } = candidate.attack;
  const row = (
    name: string,
    before: { value: number; low: number; high: number } | undefined,
    after: { value: number; low: number; high: number },
  ) => [name, before ? percent(before) : '-', percent(after)];
  view.table([
    [`held-out accuracy (95 %), n = ${candidate.clean.n}`, 'serving model', 'candidate'],
    row('clean', baseline?.clean, candidate.clean),
    ...candidate.attacks.flatMap((attack, i) => [
      row(`FGSM at ${attack.epsilon}`, baseline?.attacks[i]?.fgsm, attack.fgsm),
      row(`PGD-${steps} x ${restarts} restarts at ${attack.epsilon}`, baseline?.attacks[i]?.pgd, attack.pgd),
    ]),
  ]);
  if (candidate.flags.length) view.line(`sanity checks: ${candidate.flags.join('; ')}`);
}

export function calibrationTable(summary: CalibrationSummary, view: View): void {
  view.table([
    ['signal', 'usual', 'tolerated', ''],
    ...summary.signals.map(({ name, rate, tolerance, enabled, reason }) => [
      name,
      pct(rate),
      pct(tolerance),
      enabled ? 'on' : `off: ${reason ?? ''}`,
    ]),
  ]);
  for (const { test, enabled, reason, gap, power } of summary.tests) {
    const seen = power.map(
      (p) => `${p.attack} ${p.epsilon}: ${p.expectedRequests === null ? 'none' : Math.round(p.expectedRequests)}`,
    );
    view.line(
      enabled
        ? `verdict test ${test}: gap ${gap?.toFixed(2)}; requests expected at 100 %: ${seen.join(', ')}`
        : `verdict test ${test}: off, ${reason}`,
    );
  }
}

export function certificateTable(
  certificate: RecoveryCertificate,
  attackEps: number,
  seconds: DemoResult['seconds'],
  view: View,
): void {
  const { before, during, after, afterLive, threatModel, datasetSha256 } = certificate;
  const at = (epsilon: number) => (result: typeof before) =>
    result.attacks.find((attack) => attack.epsilon === epsilon);
  const attacked = at(attackEps);
  const policy = at(threatModel.epsilon);
  const cell = (value: { value: number; low: number; high: number } | null | undefined) =>
    value ? percent(value) : '-';
  view.heading('Recovery certificate');
  view.table([
    ['accuracy (95 % interval)', 'before', 'during', 'after'],
    ['clean', cell(before.clean), '', cell(after.clean)],
    ['live, under attack', '', cell(during), cell(afterLive)],
    [`PGD at the attack's ${attackEps}`, cell(attacked(before)?.pgd), '', cell(attacked(after)?.pgd)],
    [`FGSM at the policy's ${threatModel.epsilon}`, cell(policy(before)?.fgsm), '', cell(policy(after)?.fgsm)],
    [`PGD at the policy's ${threatModel.epsilon}`, cell(policy(before)?.pgd), '', cell(policy(after)?.pgd)],
  ]);
  const spent = (value: number | null) => (value === null ? '-' : `${value.toFixed(1)} s`);
  view.line(
    `from the attack's first request: alarm ${spent(seconds.toAlarm)}, verdict ${spent(seconds.toVerdict)}, hardened model serving all traffic ${spent(seconds.toServing)}`,
  );
  view.line(`model before  sha256 ${before.sha256}`);
  view.line(`model after   sha256 ${after.sha256}`);
  view.line(`dataset       sha256 ${datasetSha256}`);
}
