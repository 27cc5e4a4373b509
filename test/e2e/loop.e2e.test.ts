import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { sha256 } from '#artifacts';
import { parser } from '#contracts';
import { parseModel } from '#onnx-autodiff';
import { modelRepository } from '#serving';
import {
  DemoResult,
  MODEL,
  parseOptions,
  runAttack,
  runBadCandidate,
  runClean,
  runDrift,
  startRun,
  type DemoOptions,
  type Run,
  type RunSettings,
  type View,
} from '#testbed';
import { SMALL } from './small-system.js';

jest.setTimeout(600_000);

/** Whoever reads a failing test wants to know what was said. */
const said: string[] = [];
const view: View = {
  heading: (text) => said.push(`# ${text}`),
  line: (text) => said.push(text),
  table: (rows) => rows.forEach((row) => said.push(row.join(' | '))),
  progress: () => undefined,
};

let running: Run | undefined;
let folder: string;

async function start(args: string[], settings: Partial<RunSettings> = {}): Promise<Run> {
  said.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'antibody-e2e-'));
  const options = parseOptions(args) as DemoOptions;
  const clock = () => performance.now();
  running = await startRun(options, {
    folder,
    view,
    clock,
    signal: new AbortController().signal,
    ...SMALL,
    ...settings,
  });
  return running;
}

afterEach(async () => {
  await running?.stop();
  running = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function defenseStates({ stack }: Run): Promise<string[]> {
  const response = await fetch(`${stack.services['defense-orchestrator'].url}/v1/defenses`);
  return ((await response.json()) as { state: string }[]).map(({ state }) => state);
}

async function serving({ stack }: Run): Promise<Record<string, number>> {
  const traffic = await modelRepository(stack.predictor.url, MODEL.name).traffic();
  return Object.fromEntries(Object.entries(traffic).filter(([, percent]) => percent > 0));
}

describe('the loop', () => {
  it('recovers from an attack by itself, and proves it', async () => {
    const run = await start(['--attack', 'fgsm', '--eps', '0.1']);
    const result = parser('result', DemoResult)(await runAttack(run));
    const recovered = { ok: true, outcome: 'recovered', recovered: true, verdict: 'attack', falseAlarms: 0 };
    expect({ ...result, said }).toMatchObject(recovered);

    // What was published: one defense, each of its steps once, in this order.
    const { watch } = run;
    const steps = [
      'anomaly.raised',
      'attack.detected',
      'training.requested',
      'training.completed',
      'evaluation.requested',
      'evaluation.completed',
      'deployment.requested',
      'deployment.completed',
      'defense.ended',
    ] as const;
    const { anomalyId, defenseId } = watch.of('defense.ended')[0]!.event.data;
    const seen = watch.all.filter(({ name, event }) => {
      const data = event.data as { anomalyId?: string; defenseId?: string | null };
      const ofThis = data.defenseId === defenseId || data.anomalyId === anomalyId;
      return ofThis && (steps as readonly string[]).includes(name);
    });
    expect(seen.map(({ name }) => name)).toEqual(steps);
    const states = ['detected', 'training', 'evaluating', 'rolling-out', 'verifying', 'recovered'];
    expect(watch.of('defense.changed').map(({ event }) => event.data.state)).toEqual(states);

    // What is stored, and who serves.
    expect(await defenseStates(run)).toEqual(['recovered']);
    expect(await serving(run)).toEqual({ [watch.of('deployment.completed')[0]!.event.data.revision]: 100 });

    // The files: the same graph with other weights, as the certificate says.
    const before = readFileSync(result.modelFiles.before);
    const after = readFileSync(result.modelFiles.after!);
    const { models } = result;
    expect([sha256(before), sha256(after)]).toEqual([models.before.sha256, models.after!.sha256]);
    expect(after.length).toBe(before.length);
    expect(parseModel(after).operations).toEqual(parseModel(before).operations);

    // The proof.
    const { accuracy, requests } = result;
    expect(accuracy.attackedBefore!.value).toBeLessThan(0.7);
    expect(accuracy.attackedDuring!.value).toBeLessThan(0.7);
    expect(accuracy.pgdAfter!.value).toBeGreaterThan(0.7);
    expect(accuracy.fgsmAfter!.value).toBeGreaterThanOrEqual(accuracy.pgdAfter!.value);
    expect(accuracy.cleanAfter!.value).toBeGreaterThan(accuracy.cleanBefore!.value - 0.03);
    expect(requests.toAlarm).toBeLessThan(100);
    expect(requests.toVerdict).toBeLessThan(500);
  });

  it('raises no alarm on clean traffic, and takes no drift for an attack', async () => {
    const run = await start(['--scenario', 'drift']);
    expect({ ...(await runClean(run)), said }).toMatchObject({ ok: true, falseAlarms: 0 });
    // Counts come every few seconds: wait for those of the last requests.
    const total = (count: 'n' | 'labelled') =>
      run.watch.of('accuracy.window').reduce((sum, { event }) => sum + event.data[count], 0);
    await run.watch.first(['accuracy.window'], () => total('n') >= 1500 && total('labelled') > 100, 60_000);
    expect(total('n')).toBeGreaterThanOrEqual(1500);
    expect(total('labelled')).toBeGreaterThan(100);
    expect(run.watch.of('anomaly.raised')).toEqual([]);

    const result = await runDrift(run);
    expect({ ...result, said }).toMatchObject({ ok: true, outcome: 'none', verdict: 'drift' });
    expect(result.drift.map(({ kind }) => kind)).toEqual(['noise', 'brightness', 'blur']);
    expect(run.watch.of('drift.detected').length).toBeGreaterThan(0);
    expect(run.watch.of('attack.detected')).toEqual([]);
    expect(run.watch.of('training.requested')).toEqual([]);
    expect(await defenseStates(run)).toEqual([]);
    expect(await serving(run)).toEqual({ [MODEL.revision]: 100 });
  });

  it('stops a bad candidate: the old model stays', async () => {
    const env = { trainer: { TRAINER_JOBS: 'evaluation,calibration' } };
    const run = await start(['--scenario', 'bad-candidate'], { env });
    const result = await runBadCandidate(run);
    expect({ ...result, said }).toMatchObject({ ok: true, outcome: 'rejected', recovered: false });
    expect(run.watch.of('deployment.requested')).toEqual([]);
    expect(await defenseStates(run)).toEqual(['rejected']);
    expect(await serving(run)).toEqual({ [MODEL.revision]: 100 });
  });
});
