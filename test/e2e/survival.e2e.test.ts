import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { modelRepository } from '#serving';
import { MODEL, parseOptions, startRun, terminalView, type DemoOptions, type Run } from '#testbed';
import { readBus, type BusRecord } from './bus.js';
import { DEFENSES, STAGES, untilBegun, victimsOf, type Stage, type Victim } from './stages.js';

/** A defense that is quick: how robust the model becomes is not the question here. */
const QUICK = {
  threatModel: { norm: 'linf', epsilon: 0.1, steps: 5, restarts: 2 },
  training: {
    recipe: { name: 'pgd', attackSteps: 1, epochs: 2, batchSize: 64, learningRate: 0.004, epsilonFactor: 1 },
    timeBudgetSeconds: 300,
    seed: 1,
  },
  gates: { minimumRobustAccuracy: 0.3, maximumCleanLoss: 0.2 },
  rollout: { steps: [50, 100], stepSeconds: 2, minimumLabelled: 0, timeoutSeconds: 120 },
  coolDownSeconds: 0,
};
const CLEAN_REQUESTS = 60;
const SETTLE_MS = 60_000;

const processOf = ({ stack }: Run, victim: Victim) =>
  victim === 'nats' || victim === 'redis' ? stack[victim] : stack.services[victim];

async function startFresh(folder: string): Promise<Run> {
  const options = parseOptions(['--attack', 'pgd', '--eps', '0.1']) as DemoOptions;
  const story = { isTTY: false, write: (text: string) => appendFileSync(join(folder, 'story.log'), text) };
  const run = await startRun(options, {
    folder,
    view: terminalView(story as unknown as NodeJS.WriteStream, () => performance.now()),
    clock: () => performance.now(),
    signal: new AbortController().signal,
    spec: QUICK,
  });
  run.clients.traffic.changeRate(25);
  return run;
}

/** Kills and starts again. Whoever is on the way back is killed when it is back. */
function killer(run: Run): (victim: Victim) => Promise<void> {
  const backs = new Map<Victim, Promise<void>>();
  const killOnce = async (victim: Victim) => {
    const process = processOf(run, victim);
    run.view.line(`SIGKILL ${victim}`);
    await process.kill('SIGKILL');
    await process.restart();
    run.view.line(`${victim} is back`);
  };
  return (victim) => {
    const back = (backs.get(victim) ?? Promise.resolve()).then(() => killOnce(victim));
    backs.set(victim, back);
    return back;
  };
}

/** Takes one defense from before it to after it, and kills at each stage. Tells who was killed when. */
async function walkThrough(run: Run, defense: number): Promise<string[]> {
  const { clients, watch } = run;
  const told: string[] = [];
  const kill = killer(run);
  const killInTurn = async (stage: Stage) => {
    for (const victim of victimsOf(stage, defense)) {
      const state = watch.of('defense.changed').at(-1)?.event.data.state ?? 'no defense';
      told.push(`  ${stage.name.padEnd(14)} ${victim.padEnd(21)} ${state}`);
      await kill(victim);
    }
  };
  const killings: Promise<void>[] = [];
  for (const stage of STAGES) {
    await untilBegun(stage, run);
    if (stage.name === 'clean traffic') await clients.traffic.until(CLEAN_REQUESTS);
    // The attacker gives up when there is a candidate: what an attack on the candidate leads to is not the question here.
    if (stage.name === 'evaluating') clients.send();
    // A stage does not wait until the victims of the one before it are back: it may be short.
    const killing = killInTurn(stage);
    killing.catch(() => undefined); // thrown below
    killings.push(killing);
    if (stage.name !== 'clean traffic') continue;
    await killing;
    await clients.attack({ name: 'pgd', eps: 0.1, fraction: 1 });
  }
  await Promise.all(killings);
  return told;
}

/** Jobs are taken from their queues a little after their outcome is known, and a process that came back may have one to repeat. */
async function settled({ stack }: Run): Promise<BusRecord> {
  for (const until = performance.now() + SETTLE_MS; ; await sleep(500)) {
    const bus = await readBus(stack.nats.as('operator'));
    const open = (bus.streams.JOBS?.held ?? 0) + (bus.streams.DEPLOYMENTS?.held ?? 0);
    if (open === 0 || performance.now() > until) return bus;
  }
}

interface DefenseRecord {
  state: string;
  training: { candidate: { sha256: string } };
}

describe('killing each service, NATS and Redis at each stage of a defense', () => {
  it.each(Array.from({ length: DEFENSES }, (_, i) => i))(
    'leaves one training, one rollout and the right end: defense %i',
    async (defense) => {
      const folder = mkdtempSync(join(tmpdir(), 'antibody-survival-'));
      const run = await startFresh(folder);
      try {
        const told = await walkThrough(run, defense);
        process.stdout.write(`  stage          killed                state then\n${told.join('\n')}\n`);
        const bus = await settled(run);
        const { stored, streams } = bus;

        // One training, one evaluation, one calibration for each model and one deployment were asked for, ever, and nothing is left.
        expect(streams).toMatchObject({
          JOBS: { taken: 4, held: 0 },
          DEPLOYMENTS: { taken: 1, held: 0 },
          DLQ: { held: 0 },
        });
        expect(bus.repeated).toEqual([]);
        const once = ['attack.detected', 'training.completed', 'evaluation.completed'] as const;
        expect(once.map((name) => [name, stored(name).length])).toEqual(once.map((name) => [name, 1]));
        const ofDefense = stored('calibration.completed').map(({ defenseId }) => defenseId !== null);
        expect(ofDefense).toEqual([false, true]);
        expect(stored('defense.changed').map(({ state }) => state)).toEqual(
          'detected training evaluating rolling-out verifying recovered'.split(' '),
        );
        expect(stored('defense.ended').map(({ state }) => state)).toEqual(['recovered']);
        expect(stored('deployment.completed')).toHaveLength(1);

        const { candidate } = stored('training.completed')[0]!;
        const { revision } = stored('deployment.completed')[0]!;
        const answer = await fetch(`${run.stack.services['defense-orchestrator'].url}/v1/defenses`);
        const defenses = (await answer.json()) as DefenseRecord[];
        expect(defenses).toMatchObject([{ state: 'recovered', training: { candidate } }]);
        const platform = modelRepository(run.stack.predictor.url, MODEL.name);
        expect((await platform.index()).find(({ version }) => version === revision)?.sha256).toBe(candidate.sha256);
        expect((await platform.traffic())[revision]).toBe(100);
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
