import type { EventName } from '#contracts';
import { blur, brightness, driftedRows, noise, type Drift } from '../traffic/drift.js';
import type { DemoResult } from './result.js';
import { emptyResult, showLive, type Run } from './scenario.js';

const CLEAN_REQUESTS = 1500;
const CLEAN_RATE = 150;
/** Of each kind at least, and at most if no verdict comes. */
const DRIFT_REQUESTS = 400;
const MOST_DRIFTED = 2000;
const BETWEEN_REQUESTS = 250;
const MOST_BETWEEN = 1500;
const STEP = 100;
const RATE = 80;
const VERDICTS: readonly EventName[] = ['attack.detected', 'drift.detected', 'verdict.undetermined'];

/** Nothing happens, and nobody may say that something does. */
export async function runClean(run: Run): Promise<DemoResult> {
  const { clients, watch, view } = run;
  const result = emptyResult(run);
  view.heading(`Clean traffic: ${CLEAN_REQUESTS} requests`);
  clients.traffic.changeRate(CLEAN_RATE);
  for (let sent = CLEAN_REQUESTS / 5; sent <= CLEAN_REQUESTS; sent += CLEAN_REQUESTS / 5) {
    await clients.traffic.until(sent);
    showLive(run, 'live accuracy', () => true);
  }
  result.falseAlarms = watch.of('anomaly.raised').length;
  result.ok = result.falseAlarms === 0;
  result.explanation = result.ok
    ? `No alarm on ${CLEAN_REQUESTS} clean requests.`
    : `${result.falseAlarms} alarms on clean traffic.`;
  return result;
}

/** Harmless changes, one after the other. They may raise an alarm, but nobody may call it an attack, and nothing is retrained. */
export async function runDrift(run: Run): Promise<DemoResult> {
  const { clients, watch, view, signal } = run;
  const result = emptyResult(run);
  const range = [0, 1] as const;
  const kinds: [string, Drift][] = [
    ['noise', noise(0.25, range)],
    ['brightness', brightness(0.25, range)],
    ['blur', blur(1.3, [1, 28, 28])],
  ];
  clients.traffic.changeRate(RATE);
  await clients.traffic.until(BETWEEN_REQUESTS);
  for (const [kind, drift] of kinds) {
    view.heading(`Drift: ${kind}`);
    const [before, served] = [watch.all.length, clients.outcomes.length];
    const first = clients.send((rows) => driftedRows(rows, drift, { seed: run.options.seed }));
    for (let sent = DRIFT_REQUESTS; sent <= MOST_DRIFTED && !signal.aborted; sent += STEP) {
      await clients.traffic.until(first + sent);
      if (watch.all.slice(before).some(({ name }) => VERDICTS.includes(name))) break;
    }
    const drifted = new Set(clients.outcomes.slice(served).filter((outcome) => outcome.kind === 'drift'));
    showLive(run, `live accuracy under ${kind}`, (outcome) => drifted.has(outcome));
    const names = new Set(watch.all.slice(before).map(({ name }) => name));
    const raised = names.has('attack.detected')
      ? 'attack'
      : names.has('drift.detected')
        ? 'drift'
        : names.has('verdict.undetermined')
          ? 'undetermined'
          : 'none';
    result.drift.push({ kind, raised });
    view.line(
      `${kind}: ${raised === 'none' ? 'no verdict' : raised}${names.has('anomaly.raised') ? '' : ', no alarm'}`,
    );
    // Clean traffic until the alarm is over, so that the next kind gets one of its own.
    const again = clients.send();
    for (let sent = BETWEEN_REQUESTS; sent <= MOST_BETWEEN && !signal.aborted; sent += BETWEEN_REQUESTS) {
      await clients.traffic.until(again + sent);
      if (watch.of('anomaly.closed').length === watch.of('anomaly.raised').length) break;
    }
    if (signal.aborted) break;
  }
  const attacks = watch.of('attack.detected').length;
  const trainings = watch.of('training.requested').length;
  result.verdict = result.drift.some(({ raised }) => raised === 'drift') ? 'drift' : null;
  result.ok = attacks === 0 && trainings === 0;
  result.explanation = result.ok
    ? `Nothing was taken for an attack, nothing was retrained; drift was said of: ${
        result.drift
          .filter((d) => d.raised === 'drift')
          .map((d) => d.kind)
          .join(', ') || 'none'
      }.`
    : `${attacks} drifts were taken for attacks, ${trainings} trainings were started.`;
  return result;
}
