import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { modelRepository } from '#serving';
import { MODEL, parseOptions, startRun, terminalView, type DemoOptions, type Run } from '#testbed';
import { idle, readBus, type BusRecord } from './bus.js';
import { begins, STAGES, VICTIMS, type Victim } from './stages.js';

/** Over so many defenses each victim is killed once at each stage. */
const DEFENSES = 4;
const PER_STAGE = Math.ceil(VICTIMS.length / DEFENSES);

/** A defense that is quick: what it is worth is not the question here. */
const QUICK = {
  threatModel: { norm: 'linf', epsilon: 0.1, steps: 5, restarts: 1 },
  training: {
    recipe: { name: 'pgd', attackSteps: 1, epochs: 2, batchSize: 64, learningRate: 0.004, epsilonFactor: 1 },
    timeBudgetSeconds: 300,
    seed: 1,
  },
  gates: { minimumRobustAccuracy: 0.3, maximumCleanLoss: 0.2 },
  rollout: { steps: [50, 100], stepSeconds: 1, minimumLabelled: 0, timeoutSeconds: 120 },
  coolDownSeconds: 0,
};
const CLEAN_REQUESTS = 80;
const DEFENSE_MS = 240_000;
const SETTLE_MS = 60_000;

/** Who dies at which stage of this defense: over all defenses, everybody at every stage, in another place each time. */
function plan(defense: number): Map<string, Victim[]> {
  const slots = Array.from({ length: PER_STAGE }, (_, i) => defense * PER_STAGE + i).filter((n) => n < VICTIMS.length);
  return new Map(STAGES.map((stage, s) => [stage, slots.map((n) => VICTIMS[(n + s) % VICTIMS.length]!)]));
}

const processOf = ({ stack }: Run, victim: Victim) =>
  victim === 'nats' || victim === 'redis' ? stack[victim] : stack.services[victim];

const stateOf = ({ watch }: Run) => watch.of('defense.changed').at(-1)?.event.data.state ?? 'none';

async function startFresh(folder: string): Promise<Run> {
  const options = parseOptions(['--attack', 'pgd', '--eps', '0.1']) as DemoOptions;
  const story = { isTTY: false, write: (text: string) => appendFileSync(join(folder, 'story.log'), text) };
  return startRun(options, {
    folder,
    view: terminalView(story as unknown as NodeJS.WriteStream, () => performance.now()),
    clock: () => performance.now(),
    signal: new AbortController().signal,
    spec: QUICK,
  });
}

/** Walks through one defense and kills; returns a line for each stage. */
async function defend(run: Run, kills: Map<string, Victim[]>): Promise<string[]> {
  const { clients, watch } = run;
  const lines: string[] = [];
  await clients.traffic.until(CLEAN_REQUESTS);
  for (const stage of STAGES) {
    await begins(stage, run);
    // The candidate is judged live on what it was promised for; whether an attack on it is contained is another matter.
    if (stage === 'rolling out') clients.send();
    const told: string[] = [];
    for (const victim of kills.get(stage) ?? []) {
      const process = processOf(run, victim);
      told.push(`${victim} (${stateOf(run)})`);
      run.view.line(`SIGKILL ${victim}`);
      await process.kill('SIGKILL');
      await process.restart();
      run.view.line(`${victim} is back`);
    }
    lines.push(`${stage.padEnd(12)} ${told.join(', ')}`);
    if (stage === 'clean') await clients.attack({ name: 'pgd', eps: 0.1, fraction: 1 });
  }
  const ended = await watch.first(['defense.ended'], () => true, DEFENSE_MS);
  lines.push(`the end      ${ended?.event.data.state ?? 'none'}`);
  return lines;
}

/** The last acknowledgements and outboxes may be under way when the defense has ended. */
async function settled({ stack }: Run): Promise<BusRecord> {
  for (const until = performance.now() + SETTLE_MS; ; await sleep(500)) {
    const record = await readBus(stack.nats.url);
    if (idle(record) || performance.now() > until) return record;
  }
}

describe('a defense through which everybody is killed, one after the other', () => {
  it.each(Array.from({ length: DEFENSES }, (_, i) => i))(
    'defense %i: one training, one rollout, and it ends recovered',
    async (defense) => {
      const folder = mkdtempSync(join(tmpdir(), 'antibody-survival-'));
      const run = await startFresh(folder);
      try {
        const lines = await defend(run, plan(defense));
        process.stdout.write(`${lines.map((line) => `  ${line}\n`).join('')}`);
        const bus = await settled(run);

        expect(bus.stored('defense.ended').map(({ state }) => state)).toEqual(['recovered']);
        expect(bus.stored('defense.changed').map(({ state }) => state)).toEqual([
          'detected',
          'training',
          'evaluating',
          'rolling-out',
          'verifying',
          'recovered',
        ]);
        expect(bus.stored('attack.detected')).toHaveLength(1);
        const [trained, ...otherTrainings] = bus.stored('training.completed');
        const [deployed, ...otherDeployments] = bus.stored('deployment.completed');
        expect([otherTrainings, otherDeployments]).toEqual([[], []]);
        const { evaluation, calibration } = {
          evaluation: bus.stored('evaluation.completed'),
          calibration: bus.stored('calibration.completed'),
        };
        expect([evaluation.length, calibration.length]).toEqual([1, 1]);
        expect(evaluation[0]!.candidate.sha256).toBe(trained!.candidate.sha256);

        // One training, one evaluation, one calibration, one deployment were ever asked for, and nothing is left.
        expect(bus.streams).toMatchObject({
          JOBS: { held: 0, taken: 3 },
          DEPLOYMENTS: { held: 0, taken: 1 },
          DLQ: { held: 0 },
        });

        const response = await fetch(`${run.stack.services['defense-orchestrator'].url}/v1/defenses`);
        const defenses = (await response.json()) as { state: string; training: { candidate: { sha256: string } } }[];
        expect(defenses.map(({ state, training }) => [state, training.candidate.sha256])).toEqual([
          ['recovered', trained!.candidate.sha256],
        ]);

        const repository = modelRepository(run.stack.predictor.url, MODEL.name);
        const serving = (await repository.index()).find(({ version }) => version === deployed!.revision);
        expect(serving?.sha256).toBe(trained!.candidate.sha256);
        expect((await repository.traffic())[deployed!.revision]).toBe(100);
      } catch (error) {
        process.stdout.write(`  story and logs: ${folder}\n`);
        throw error;
      } finally {
        await run.stop();
      }
      rmSync(folder, { recursive: true, force: true });
    },
    600_000,
  );
});
