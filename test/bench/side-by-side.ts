import { availableParallelism } from 'node:os';
import type { Measure } from './bench.js';
import { pythonWith, startPeer } from './peers.js';
import { type Clock, type NetworkName, ourStepper, type Stepper } from './steps.js';
import { summarize } from './summary.js';

const networks: { name: NetworkName; what: string; rounds: number; steps: number }[] = [
  { name: 'stride', what: 'stride CNN', rounds: 9, steps: 10 },
  { name: 'pool', what: 'max-pool CNN', rounds: 7, steps: 4 },
  { name: 'resnet', what: 'ResNet-18', rounds: 3, steps: 1 },
];
const ways: { clock: Clock; threads: number; what: string }[] = [
  { clock: 'wall', threads: availableParallelism(), what: 'wall' },
  { clock: 'cpu', threads: 1, what: 'CPU, 1 thread' },
];
const peers = { torch: 'PyTorch', art: 'ART' };

/** Whole adversarial steps beside those of PyTorch and ART, one after the other in each round. */
export async function sideBySide(say: (line: string) => void): Promise<{ measures: Measure[]; notes: string[] }> {
  const python = pythonWith('torch', 'art');
  const measures: Measure[] = [];
  for (const { name, what, rounds, steps } of networks)
    for (const { clock, threads, what: way } of ways) {
      const steppers = [await ourStepper(name, threads, clock)];
      if (python)
        for (const peer of Object.keys(peers)) steppers.push(await peerStepper(python, peer, name, threads, clock));
      const times = await interleaved(steppers, rounds, steps);
      for (const stepper of steppers) await stepper.end();
      const [own = [], ...theirs] = times;
      measures.push({ what: `${what}, ${way}: a step`, unit: 'ms', values: own });
      for (const [i, peer] of Object.values(peers).entries()) {
        const values = (theirs[i] ?? []).map((value, round) => value / own[round]!);
        if (values.length > 0) measures.push({ what: `${what}, ${way}: ${peer}`, unit: 'times', values });
      }
      const found = measures.slice(-steppers.length).map((measure) => summarize(measure).median?.toPrecision(3));
      say(`${what}, ${way}: ${found[0]} ms${python ? `; PyTorch ${found[1]} times, ART ${found[2]} times` : ''}`);
    }
  const notes = [
    'A step is PGD-3, forward and backward pass and optimizer on 64 random pictures; times are the time of the other over ours. PyTorch by hand, channels last; normalisation with fixed statistics (ART: batch statistics).',
  ];
  if (!python)
    notes.push(
      'PyTorch and ART beside it: install them (`python3 -m venv v && v/bin/pip install torch adversarial-robustness-toolbox`) and set ANTIBODY_PYTHON=v/bin/python.',
    );
  return { measures, notes };
}

async function peerStepper(
  python: string,
  peer: string,
  network: NetworkName,
  threads: number,
  clock: Clock,
): Promise<Stepper> {
  const process = await startPeer(python, 'steps_peer.py', [peer, network, String(threads), clock], threads);
  return { run: async (steps) => Number(await process.ask(String(steps))), end: () => process.end() };
}

async function interleaved(steppers: readonly Stepper[], rounds: number, steps: number): Promise<number[][]> {
  const times = steppers.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, stepper] of steppers.entries()) times[i]!.push(await stepper.run(steps));
  return times;
}
