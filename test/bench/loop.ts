import { parseOptions, runAttack, startRun, type DemoOptions, type Seen, type View } from '#testbed';
import type { Bench } from './bench.js';
import { inTemporaryFolder } from './temporary-folder.js';

/** What ends each stage. Evaluation and calibration are asked for at once and done by whoever is free: the later one waits for the earlier. */
const ENDS = {
  'anomaly.raised': 'alarm',
  'attack.detected': 'verdict',
  'training.completed': 'training',
  'evaluation.completed': 'evaluation',
  'calibration.completed': 'calibration',
  'deployment.completed': 'rollout',
  'defense.ended': 'verification',
} as const;

/** The demo as `npm run demo` runs it, timed. */
export const loop: Bench = {
  name: 'loop',
  description: "seconds from the demo's attack to its recovery, stage by stage; as long as the demo",
  run: (say) =>
    inTemporaryFolder(async (folder) => {
      const run = await startRun(parseOptions([]) as DemoOptions, {
        folder,
        view: headingsOnly(say),
        clock: () => performance.now(),
        signal: new AbortController().signal,
      });
      try {
        const result = await runAttack(run);
        if (!result.recovered) throw new Error(`the model did not recover: ${result.explanation}`);
        // Others may have been raised since: the hardened model still sees an attack.
        const { anomalyId } = run.watch.of('defense.ended').at(-1)!.event.data;
        const alarm = run.watch.of('anomaly.raised').find(({ event }) => event.data.anomalyId === anomalyId)!;
        const stages = stagesOf(run.watch.all, alarm.at - 1000 * result.seconds.toAlarm!);
        const whole = stages.reduce((sum, { seconds }) => sum + seconds, 0);
        const share = (seconds: number) => `${Math.round((100 * seconds) / whole)} %`;
        return {
          measures: [
            ...stages.map(({ stage, seconds }) => ({ what: stage, unit: 's', values: [seconds] })),
            { what: 'attack to recovery', unit: 's', values: [whole] },
            { what: 'attack to alarm', unit: 'requests', values: [result.requests.toAlarm] },
            { what: 'attack to verdict', unit: 'requests', values: [result.requests.toVerdict] },
          ],
          notes: [
            `Budget: ${stages.map(({ stage, seconds }) => `${stage} ${share(seconds)}`).join(', ')}.`,
            'Each stage is counted from the end of the one before, so that waiting belongs to what is waited for.',
          ],
        };
      } finally {
        await run.stop();
      }
    }),
};

/** `began`: when the attack did. */
export function stagesOf(
  events: readonly Pick<Seen, 'name' | 'at'>[],
  began: number,
): { stage: string; seconds: number }[] {
  const ends = Object.entries(ENDS)
    .map(([name, stage]) => {
      const end = events.find((seen) => seen.name === name && seen.at >= began);
      if (!end) throw new Error(`there was no ${name} after the attack began`);
      return { stage, at: end.at };
    })
    .sort((a, b) => a.at - b.at);
  return ends.map(({ stage, at }, i) => ({ stage, seconds: (at - (ends[i - 1]?.at ?? began)) / 1000 }));
}

const headingsOnly = (say: (line: string) => void): View => ({
  heading: say,
  line: () => undefined,
  table: () => undefined,
  progress: () => undefined,
});
