import type { RecoveryCertificate } from '#contracts';
import { wilson } from '#change-detection';
import { startStack, type Stack, type StackOptions } from '../stack/stack.js';
import { startClients, type Clients } from './clients.js';
import { describe } from './describe.js';
import type { DemoOptions } from './options.js';
import { prepare, type Prepared, type PrepareOptions } from './prepare.js';
import type { DemoResult } from './result.js';
import { watchEvents, type Watch } from './watch.js';
import { percent, type View } from './view.js';

export const MODEL = { namespace: 'demo', name: 'mnist', revision: 'r1' };

/** What a scenario works with, and what is left for whoever wants to look at it afterwards. */
export interface Run {
  options: DemoOptions;
  folder: string;
  prepared: Prepared;
  stack: Stack;
  watch: Watch;
  clients: Clients;
  view: View;
  clock: () => number;
  signal: AbortSignal;
  stop(): Promise<void>;
}

export interface RunSettings {
  /** Keeps everything of the run. */
  folder: string;
  view: View;
  clock: () => number;
  signal: AbortSignal;
  env?: StackOptions['env'];
  /** Changes to the policy's spec. */
  spec?: PrepareOptions['spec'];
  rows?: PrepareOptions['rows'];
}

/** Starts the whole system and clean traffic, and waits until the model is protected. */
export async function startRun(options: DemoOptions, settings: RunSettings): Promise<Run> {
  const { folder, view, clock, signal } = settings;
  const prepared = prepare(folder, {
    model: options.model,
    policy: options.policy,
    attackEps: options.eps,
    spec: settings.spec,
    rows: settings.rows,
  });
  view.heading('Starting');
  const stack = await startStack({
    folder,
    model: { ...MODEL, file: prepared.modelFile },
    policy: prepared.policy,
    env: settings.env,
    onStarted: (name, url) => view.line(`${name.padEnd(22)} ${url}`),
    signal,
  });
  const stops = [() => stack.stop()];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const watch = await watchEvents(stack.nats.as('operator'), clock);
    stops.push(() => watch.close());
    watch.onEvent((seen) => describe(seen, view));
    await untilProtected(watch, signal);
    const clients = startClients({
      predictorUrl: stack.predictor.url,
      collectorUrl: stack.services['metrics-collector'].url,
      namespace: MODEL.namespace,
      model: MODEL.name,
      data: prepared.traffic,
      seed: options.seed,
    });
    stops.push(() => clients.stop());
    return { options, folder, prepared, stack, watch, clients, view, clock, signal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const PROTECTED_MS = 300_000;

async function untilProtected(watch: Watch, signal: AbortSignal): Promise<void> {
  const calibrated = await watch.first(
    ['protection.updated'],
    ({ event }) => event.data.revisions.every((revision) => revision.calibration !== null),
    PROTECTED_MS,
    signal,
  );
  signal.throwIfAborted();
  if (!calibrated) throw new Error(`the model was not calibrated within ${PROTECTED_MS / 1000} s; see the logs`);
}

/** The part of a result that is known before anything happens. */
export function emptyResult({ options, prepared, folder }: Run): DemoResult {
  return {
    scenario: options.scenario,
    ok: false,
    outcome: 'none',
    recovered: false,
    verdict: null,
    explanation: '',
    attack: null,
    drift: [],
    requests: { toAlarm: null, toVerdict: null },
    seconds: { toAlarm: null, toVerdict: null, toServing: null },
    accuracy: {
      cleanBefore: null,
      attackedBefore: null,
      attackedDuring: null,
      cleanAfter: null,
      attackedAfter: null,
      fgsmAfter: null,
      pgdAfter: null,
    },
    models: { before: { sha256: prepared.modelSha256 }, after: null },
    datasetSha256: prepared.datasetSha256,
    modelFiles: { before: prepared.modelFile, after: null },
    falseAlarms: 0,
    folder,
  };
}

/** Live accuracy over the requests that fit, from the clients' own knowledge of the truth. */
export function liveAccuracy({ clients }: Run, fits: (outcome: Clients['outcomes'][number]) => boolean) {
  const rows = clients.outcomes.filter(fits);
  return rows.length ? wilson(rows.filter(({ correct }) => correct).length, rows.length) : null;
}

export function showLive(run: Run, what: string, fits: Parameters<typeof liveAccuracy>[1]): void {
  const live = liveAccuracy(run, fits);
  run.view.line(live ? `${what}: ${percent(live)} on ${live.n} requests` : `${what}: no requests yet`);
}

/** What the certificate says, in the result's words. */
export function certifiedAccuracy(
  certificate: RecoveryCertificate,
  attack: 'fgsm' | 'pgd',
  eps: number,
): Partial<DemoResult['accuracy']> {
  const { before, after, threatModel } = certificate;
  const at = (result: typeof before, epsilon: number) =>
    result.attacks.find((measured) => measured.epsilon === epsilon);
  return {
    cleanBefore: before.clean,
    attackedBefore: at(before, eps)?.[attack] ?? null,
    cleanAfter: after.clean,
    attackedAfter: at(after, eps)?.[attack] ?? null,
    fgsmAfter: at(after, threatModel.epsilon)?.fgsm ?? null,
    pgdAfter: at(after, threatModel.epsilon)?.pgd ?? null,
  };
}
