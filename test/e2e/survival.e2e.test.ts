import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { EVENT_NAMES } from '#contracts';
import { modelRepository } from '#serving';
import { MODEL, parseOptions, startRun, terminalView, type DemoOptions, type Run, type Seen } from '#testbed';
import { readBus, type BusRecord } from './bus.js';
import { SMALL } from './small-system.js';
import { DEFENSES, STAGES, toldOf, victimsOf, type Kill, type Stage, type Victim } from './stages.js';

const CLEAN_REQUESTS = 60;
/** Slow enough that a request is examined before the next one: the clients can stop at the alarm, before the verdict. */
const SLOW_PER_SECOND = 5;
/** Where the next stage waits for requests. */
const PER_SECOND = 40;
const PATIENCE_MS = 240_000;
const SETTLE_MS = 60_000;

const processOf = ({ stack }: Run, victim: Victim) =>
  victim === 'nats' || victim === 'redis' ? stack[victim] : stack.services[victim];

async function startFresh(folder: string): Promise<Run> {
  const options = parseOptions(['--attack', 'pgd', '--eps', '0.1']) as DemoOptions;
  const story = { isTTY: false, write: (text: string) => appendFileSync(join(folder, 'story.log'), text) };
  return startRun(options, {
    folder,
    view: terminalView(story as unknown as NodeJS.WriteStream, () => performance.now()),
    clock: () => performance.now(),
    signal: new AbortController().signal,
    ...SMALL,
  });
}

async function untilBegun({ name, begins }: Stage, { watch }: Run): Promise<void> {
  const fits = ({ name, event }: Seen) => begins!({ name, data: event.data });
  if (begins && !(await watch.first([...EVENT_NAMES], fits, PATIENCE_MS)))
    throw new Error(`the stage "${name}" did not begin within ${PATIENCE_MS / 1000} s`);
}

/** Keeps a stage from ending. Returns what lets it go on. */
function hold({ heldBy }: Stage, { clients, stack }: Run): () => void {
  if (heldBy === 'clients') {
    clients.traffic.changeRate(0);
    return () => clients.traffic.changeRate(PER_SECOND);
  }
  if (heldBy !== 'trainer') return () => undefined;
  const { pid } = stack.services.trainer;
  process.kill(pid, 'SIGSTOP');
  return () => {
    const killedMeanwhile = stack.services.trainer.pid !== pid || !stack.services.trainer.running;
    if (!killedMeanwhile) process.kill(pid, 'SIGCONT');
  };
}

/** Takes one defense from before it to after it, and kills and starts again at each stage. */
async function walkThrough(run: Run, defense: number): Promise<Kill[]> {
  const { clients, view } = run;
  const kills: Kill[] = [];
  const kill = async (victim: Victim, stage: Stage) => {
    view.line(`${stage.name}: SIGKILL ${victim}`);
    await processOf(run, victim).kill('SIGKILL');
    kills.push({ stage, victim, at: Date.now() });
  };
  const startAgain = async (victim: Victim) => {
    await processOf(run, victim).restart();
    view.line(`${victim} is back`);
  };
  let lastIsBack = Promise.resolve();
  try {
    for (const stage of STAGES) {
      await untilBegun(stage, run);
      // It may be on its way back: the stage lasts for longer than that takes, until there is a second epoch.
      if (stage.heldBy === 'trainer' && !run.stack.services.trainer.running) await lastIsBack;
      const letGo = hold(stage, run);
      await lastIsBack;
      if (stage.name === 'clean traffic') await clients.traffic.until(CLEAN_REQUESTS);
      if (stage.name === 'verdict') clients.traffic.changeRate(SLOW_PER_SECOND);
      // The attacker gives up when there is a candidate: what an attack on the candidate leads to is not the question here.
      if (stage.name === 'evaluating') clients.send();
      const victims = victimsOf(stage, defense);
      const last = victims.pop()!;
      for (const victim of victims) {
        await kill(victim, stage);
        await startAgain(victim);
      }
      await kill(last, stage);
      letGo(); // while the last one is away: all others go on without it
      lastIsBack = startAgain(last);
      lastIsBack.catch(() => undefined); // thrown at the next stage
      if (stage.name !== 'clean traffic') continue;
      await lastIsBack;
      clients.traffic.changeRate(SLOW_PER_SECOND);
      await clients.attack({ name: 'pgd', eps: 0.1, fraction: 1 });
    }
  } finally {
    await lastIsBack; // or it would start when everything else has been stopped
  }
  return kills;
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
        const kills = await walkThrough(run, defense);
        const bus = await settled(run);
        const { stored, streams } = bus;

        const told = toldOf(kills, bus.events);
        process.stdout.write(`  at             killed                in stage, state\n  ${told.all.join('\n  ')}\n`);
        expect(kills.map(({ victim }) => victim)).toEqual(STAGES.flatMap((stage) => victimsOf(stage, defense)));
        expect(told.strayed).toEqual([]);

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
