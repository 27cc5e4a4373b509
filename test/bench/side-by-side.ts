import { availableParallelism } from 'node:os';
import type { Measure } from './bench.js';
import { type Peer, peerStepper, pythonWithPeers } from './peers.js';
import { type Clock, type NetworkName, ourStepper } from './steps.js';

const networks: { name: NetworkName; what: string; rounds: number; steps: number }[] = [
  { name: 'stride', what: 'stride CNN', rounds: 7, steps: 10 },
  { name: 'pool', what: 'max-pool CNN', rounds: 5, steps: 5 },
  { name: 'resnet', what: 'ResNet-18', rounds: 3, steps: 1 },
];
const ways: { clock: Clock; threads: number; what: string }[] = [
  { clock: 'wall', threads: availableParallelism(), what: 'wall' },
  { clock: 'cpu', threads: 1, what: 'CPU, 1 thread' },
];
const peers: { peer: Peer; what: string }[] = [
  { peer: 'torch', what: 'PyTorch' },
  { peer: 'art', what: 'ART' },
];

/** Whole adversarial steps beside those of PyTorch and ART, one after the other in each round. */
export async function sideBySide(say: (line: string) => void): Promise<{ measures: Measure[]; notes: string[] }> {
  const python = pythonWithPeers();
  const note =
    'PyTorch and ART beside it: install them (`python3 -m venv v && v/bin/pip install torch adversarial-robustness-toolbox`) and set ANTIBODY_PYTHON=v/bin/python.';
  const measures: Measure[] = [];
  for (const { name, what, rounds, steps } of networks)
    for (const way of ways) {
      say(`${what}, ${way.what}`);
      const ours = await ourStepper(name, way.threads, way.clock);
      const others = python
        ? await Promise.all(peers.map(({ peer }) => peerStepper(python, peer, name, way.threads, way.clock)))
        : [];
      const times: number[][] = [[], ...others.map(() => [])];
      for (let round = 0; round < rounds; round++)
        for (const [i, stepper] of [ours, ...others].entries()) times[i]!.push(await stepper.run(steps));
      for (const stepper of [ours, ...others]) await stepper.end();
      const [own = [], ...theirs] = times;
      measures.push({ what: `${what}, ${way.what}: a step`, unit: 'ms', values: own });
      for (const [i, values] of theirs.entries())
        measures.push({
          what: `${what}, ${way.what}: ${peers[i]!.what}`,
          unit: 'times',
          values: values.map((value, round) => value / own[round]!),
        });
    }
  const fair =
    'A step is PGD-3, forward and backward pass and optimizer on 64 random pictures; times are the time of the other over ours. PyTorch by hand, channels last; normalisation with fixed statistics (ART: batch statistics).';
  return { measures, notes: python ? [fair] : [fair, note] };
}
