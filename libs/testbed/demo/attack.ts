import type { EventData } from '#contracts';
import { certificateTable } from './describe.js';
import { numberOf } from './clients.js';
import type { DemoResult } from './result.js';
import { certifiedAccuracy, emptyResult, liveAccuracy, showLive, type Run } from './scenario.js';
import type { Seen } from './watch.js';

/** Clean requests before the attack: enough to see the accuracy, and that nobody cries wolf. */
const CLEAN_REQUESTS = 200;
const ALARM_MS = 120_000;
const VERDICT_MS = 240_000;
const DEFENSE_MS = 900_000;
/** While the defense works, which takes minutes, the accuracy of the latest requests is said again and again. */
const LIVE_EVERY_MS = 20_000;
const LATEST = 400;
/** Requests after the recovery, still under attack. */
const AFTERWARDS = 120;

type Verdict = 'attack.detected' | 'drift.detected' | 'verdict.undetermined';
const WORD = {
  'attack.detected': 'attack',
  'drift.detected': 'drift',
  'verdict.undetermined': 'undetermined',
} as const;

/** The model is attacked. It has to notice, harden itself, prove it and roll out, while the attack goes on. */
export async function runAttack(run: Run): Promise<DemoResult> {
  const { options, watch, clients, view, clock, signal } = run;
  const result = emptyResult(run);
  result.attack = { name: options.attack, eps: options.eps, fraction: options.fraction };

  view.heading('Clean traffic');
  await clients.traffic.until(CLEAN_REQUESTS);
  showLive(run, 'live accuracy', ({ kind }) => kind === 'clean');
  result.falseAlarms = watch.of('anomaly.raised').length;

  view.heading(
    `Attack: ${options.attack.toUpperCase()} at eps ${options.eps} on ${100 * options.fraction} % of the requests`,
  );
  const firstRequest = await clients.attack({ name: options.attack, eps: options.eps, fraction: options.fraction });
  const began = clock();
  const sinceAttack = (seen: Seen) => (seen.at - began) / 1000;

  const alarm = await watch.first(['anomaly.raised'], ({ at }) => at >= began, ALARM_MS, signal);
  if (!alarm) return { ...result, explanation: 'The attack raised no alarm.' };
  result.seconds.toAlarm = sinceAttack(alarm);
  result.requests.toAlarm = requestsToAlarm(alarm.event.data, firstRequest);
  sayAlarm(run, alarm.event.data, result);

  const { anomalyId } = alarm.event.data;
  const verdict = await verdictOf(run, anomalyId);
  if (!verdict) return { ...result, explanation: 'The alarm got no verdict in time.' };
  result.verdict = WORD[verdict.name];
  result.seconds.toVerdict = sinceAttack(verdict);
  if (result.requests.toAlarm !== null)
    result.requests.toVerdict = result.requests.toAlarm + verdict.event.data.requests.sinceAlarm;
  sayVerdict(run, verdict.event.data, result);
  if (result.verdict !== 'attack') {
    return { ...result, explanation: `The attack ended as ${result.verdict}: ${verdict.event.data.statement}` };
  }

  view.heading('Defense');
  const sayLive = () => {
    const latest = new Set(clients.outcomes.slice(-LATEST));
    showLive(run, 'live accuracy under attack', (outcome) => outcome.kind !== 'clean' && latest.has(outcome));
  };
  sayLive();
  const saying = setInterval(sayLive, LIVE_EVERY_MS);
  const ended = await watch
    .first(['defense.ended'], ({ event }) => event.data.anomalyId === anomalyId, DEFENSE_MS, signal)
    .finally(() => clearInterval(saying));
  if (!ended) return { ...result, explanation: 'The defense did not end in time.' };
  const served = watch.of('deployment.completed').at(-1);
  if (served) result.seconds.toServing = sinceAttack(served);
  await conclude(run, ended.event.data, result);
  return result;
}

/** The first verdict, or the one that comes after `drift`: the tests go on, and may still find an attack. */
async function verdictOf({ watch, view, signal }: Run, anomalyId: string): Promise<Seen<Verdict> | undefined> {
  const ofThis = ({ event }: Seen<Verdict>) => event.data.anomalyId === anomalyId;
  const first = await watch.first<Verdict>(
    ['attack.detected', 'drift.detected', 'verdict.undetermined'],
    ofThis,
    VERDICT_MS,
    signal,
  );
  if (first?.name !== 'drift.detected') return first;
  view.line('drift, so far; the tests go on and may still find an attack ...');
  const later: Verdict[] = ['attack.detected', 'verdict.undetermined'];
  return (await watch.first<Verdict>(later, ofThis, VERDICT_MS / 4, signal)) ?? first;
}

/** Writes what the defense came to, and shows how the clients fare afterwards. */
async function conclude(
  run: Run,
  { state, reason, certificate }: EventData<'defense.ended'>,
  result: DemoResult,
): Promise<void> {
  const { watch, clients, options, view } = run;
  result.outcome = state;
  result.explanation = reason;
  const candidate = watch.of('training.completed').at(-1)?.event.data.candidate;
  if (candidate) {
    result.models.after = { sha256: candidate.sha256 };
    result.modelFiles.after = fileOf(candidate.uri);
  }
  if (certificate) {
    const { revisions } = certificate;
    const certified = certifiedAccuracy(certificate, options.attack, options.eps);
    const attackedDuring = liveAccuracy(run, attackedOn(revisions.before));
    result.accuracy = { ...result.accuracy, ...certified, attackedDuring };
    await clients.traffic.until(clients.traffic.counts.sent + AFTERWARDS);
    showLive(run, `live accuracy under attack, ${revisions.before}`, attackedOn(revisions.before));
    showLive(run, `live accuracy under attack, ${revisions.after}`, attackedOn(revisions.after));
    certificateTable(certificate, options.eps, result.seconds, view);
  }
  result.recovered = state === 'recovered' && certificate !== null;
  result.ok = result.recovered;
}

const fileOf = (uri: string) => decodeURIComponent(new URL(uri).pathname);

const attackedOn =
  (revision: string) =>
  (outcome: { kind: string; revision?: string }): boolean =>
    outcome.kind === 'attack' && outcome.revision === revision;

const requestsToAlarm = ({ trigger }: EventData<'anomaly.raised'>, first: number) =>
  trigger ? Math.max(1, numberOf(trigger.id) - first + 1) : null;

function sayAlarm(
  { view }: Run,
  { budget, statistic, signals, tests }: EventData<'anomaly.raised'>,
  result: DemoResult,
): void {
  view.line(
    `ALARM after ${result.requests.toAlarm ?? '?'} requests; evidence ${Math.round(statistic)}, budget: one false alarm in ${budget} requests`,
  );
  for (const { name, value, mean, tolerance } of signals) {
    view.line(
      `  ${name.padEnd(14)} flags ${(100 * mean).toFixed(0)} % of the latest rows, tolerated ${(100 * tolerance).toFixed(1)} %; evidence ${value.toPrecision(3)}`,
    );
  }
  view.line(tests.length ? `is it aimed at this model? asking by: ${tests.join(', ')}` : 'this model has no verdict');
}

function sayVerdict({ view }: Run, { statement, evidence }: EventData<Verdict>, result: DemoResult): void {
  view.line(
    `VERDICT ${result.verdict?.toUpperCase()} after ${result.requests.toVerdict ?? '?'} requests: ${statement}`,
  );
  for (const test of evidence)
    view.line(
      `  ${test.test.padEnd(9)} ${test.statement}   (e-value ${test.attackE.toPrecision(3)} of ${test.attackThreshold})`,
    );
}
