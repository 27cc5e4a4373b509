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
const COUNTED_MS = 60_000;
const RATE = 80;
/** The strongest first. */
const VERDICTS = [
  ['attack.detected', 'attack'],
  ['drift.detected', 'drift'],
  ['verdict.undetermined', 'undetermined'],
] as const;

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
  const examined = await examinedRows(run, CLEAN_REQUESTS);
  result.falseAlarms = watch.of('anomaly.raised').length;
  result.ok = result.falseAlarms === 0 && examined >= CLEAN_REQUESTS;
  if (examined < CLEAN_REQUESTS) {
    return { ...result, explanation: `Only ${examined} of ${CLEAN_REQUESTS} requests were examined; see the logs.` };
  }
  result.explanation = result.ok
    ? `No alarm on ${CLEAN_REQUESTS} clean requests.`
    : `${result.falseAlarms} alarms on clean traffic.`;
  return result;
}

const KINDS: readonly (readonly [string, Drift])[] = [
  ['noise', noise(0.25, [0, 1])],
  ['brightness', brightness(0.25, [0, 1])],
  ['blur', blur(1.3, [1, 28, 28])],
];

/** Rows that the detector has counted, once it has counted that many, or after a minute. */
async function examinedRows({ watch, signal }: Run, wanted: number): Promise<number> {
  const counted = () => watch.of('accuracy.window').reduce((sum, { event }) => sum + event.data.n, 0);
  await watch.first(['accuracy.window'], () => counted() >= wanted, COUNTED_MS, signal);
  return counted();
}

/** Harmless changes, one after the other. They may raise an alarm, but nobody may call it an attack, and nothing is retrained. */
export async function runDrift(run: Run): Promise<DemoResult> {
  const { clients, watch, signal } = run;
  const result = emptyResult(run);
  clients.traffic.changeRate(RATE);
  await clients.traffic.until(BETWEEN_REQUESTS);
  for (const [kind, drift] of KINDS) {
    result.drift.push({ kind, raised: await raisedBy(run, kind, drift) });
    await untilQuiet(run);
    if (signal.aborted) break;
  }
  const attacks = watch.of('attack.detected').length;
  const trainings = watch.of('training.requested').length;
  const called = result.drift.filter(({ raised }) => raised === 'drift').map(({ kind }) => kind);
  result.verdict =
    VERDICTS.map(([, verdict]) => verdict).find((verdict) => result.drift.some(({ raised }) => raised === verdict)) ??
    null;
  const alarms = watch.of('anomaly.raised').length;
  if (alarms === 0) return { ...result, explanation: 'None of them raised an alarm, so nobody looked at them.' };
  result.ok = attacks === 0 && trainings === 0;
  result.explanation = result.ok
    ? `Nothing was taken for an attack, nothing was retrained; drift was said of: ${called.join(', ') || 'none'}.`
    : `${attacks} drifts were taken for attacks, ${trainings} trainings were started.`;
  return result;
}

/** Sends one kind until there is a verdict, or long enough. */
async function raisedBy(run: Run, kind: string, drift: Drift): Promise<DemoResult['drift'][number]['raised']> {
  const { clients, watch, view, signal, options } = run;
  view.heading(`Drift: ${kind}`);
  const [before, served] = [watch.all.length, clients.outcomes.length];
  const since = () => new Set(watch.all.slice(before).map(({ name }) => name));
  const first = clients.send((rows) => driftedRows(rows, drift, { seed: options.seed }));
  for (let sent = DRIFT_REQUESTS; sent <= MOST_DRIFTED && !signal.aborted; sent += STEP) {
    await clients.traffic.until(first + sent);
    if (VERDICTS.some(([name]) => since().has(name))) break;
  }
  const drifted = new Set(clients.outcomes.slice(served).filter((outcome) => outcome.kind === 'drift'));
  showLive(run, `live accuracy under ${kind}`, (outcome) => drifted.has(outcome));
  const raised = VERDICTS.find(([name]) => since().has(name))?.[1] ?? 'none';
  const alarm = since().has('anomaly.raised') ? '' : ', no alarm';
  view.line(`${kind}: ${raised === 'none' ? 'no verdict' : raised}${alarm}`);
  return raised;
}

/** Clean traffic until the alarm is over, so that the next kind gets one of its own. */
async function untilQuiet({ clients, watch, signal }: Run): Promise<void> {
  const first = clients.send();
  for (let sent = BETWEEN_REQUESTS; sent <= MOST_BETWEEN && !signal.aborted; sent += BETWEEN_REQUESTS) {
    await clients.traffic.until(first + sent);
    if (watch.of('anomaly.closed').length === watch.of('anomaly.raised').length) return;
  }
}
