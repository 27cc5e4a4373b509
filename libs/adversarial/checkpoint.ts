import { CheckpointError } from './errors.js';
import type { RandomState } from './random.js';

/** Everything a run needs to go on as if nothing had happened. */
export interface TrainingState {
  /** Identifies model, data, recipe and seed: a checkpoint of anything else is not taken up. */
  run: string;
  /** Finished epochs. */
  epoch: number;
  /** Optimizer steps. */
  step: number;
  random: RandomState;
  /** Where inside its next epoch the run was stopped; null between epochs. */
  interrupted: EpochSoFar | null;
  /** Times the run began anew, each with half the learning rate, because it had collapsed. */
  backOffs: number;
  /** The epoch that showed one attack step to be too few; null: none did. */
  overfittedAt: number | null;
  history: readonly EpochResult[];
  weights: Tensors;
  /** Adam's running means of the gradients and of their squares. */
  firstMoments: Tensors;
  secondMoments: Tensors;
  /** Running mean of the weights; empty where the recipe has none. */
  averages: Tensors;
  best: { epoch: number; weights: Tensors } | null;
}

export interface EpochSoFar {
  /** Steps done, and the sums over them. */
  steps: number;
  loss: number;
  accuracy: number;
  /** Gives the order of the epoch's rows. */
  order: RandomState;
}

export type Tensors = ReadonlyMap<string, Float32Array>;

export interface EpochResult {
  epoch: number;
  loss: number;
  /** On the attacked batches of the epoch. */
  accuracy: number;
  /** On the validation part; null where it was not measured in this epoch. */
  validation: { clean: number; fgsm: number; robust: number } | null;
}

const MAGIC = 'ANTIBODY-CKPT-1\n';

type Group = 'weights' | 'firstMoments' | 'secondMoments' | 'averages' | 'best';
interface Header extends Omit<TrainingState, Group> {
  best: { epoch: number } | null;
  tensors: { group: Group; name: string; length: number }[];
}

/** Magic, length of a JSON header, header, then the float32 tensors in the header's order, little-endian. */
export function encodeCheckpoint(state: TrainingState): Uint8Array {
  const { weights, firstMoments, secondMoments, averages, best, ...rest } = state;
  const groups: [Group, Tensors][] = [
    ['weights', weights],
    ['firstMoments', firstMoments],
    ['secondMoments', secondMoments],
    ['averages', averages],
    ['best', best?.weights ?? new Map<string, Float32Array>()],
  ];
  const listed = groups.flatMap(([group, tensors]) => [...tensors].map(([name, data]) => ({ group, name, data })));
  const header: Header = {
    ...rest,
    best: best && { epoch: best.epoch },
    tensors: listed.map(({ group, name, data }) => ({ group, name, length: data.length })),
  };
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const data = listed.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([Buffer.from(MAGIC), length, json, ...data]);
}

export function decodeCheckpoint(bytes: Uint8Array): TrainingState {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = MAGIC.length + 4;
  if (buffer.length < start || buffer.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new CheckpointError('the checkpoint is damaged: it does not begin as one; delete it to start anew');
  }
  const end = start + buffer.readUInt32LE(MAGIC.length);
  const { tensors, best, ...rest } = parseHeader(buffer.subarray(start, end));
  const groups = new Map<Group, Map<string, Float32Array>>();
  let at = end;
  for (const { group, name, length } of tensors) {
    if (at + 4 * length > buffer.length)
      throw new CheckpointError('the checkpoint is damaged: it is cut off; delete it to start anew');
    const data = new Float32Array(new Uint8Array(buffer.subarray(at, at + 4 * length)).buffer);
    groups.set(group, (groups.get(group) ?? new Map<string, Float32Array>()).set(name, data));
    at += 4 * length;
  }
  const take = (group: Group): Tensors => groups.get(group) ?? new Map<string, Float32Array>();
  return {
    ...rest,
    weights: take('weights'),
    firstMoments: take('firstMoments'),
    secondMoments: take('secondMoments'),
    averages: take('averages'),
    best: best && { epoch: best.epoch, weights: take('best') },
  };
}

function parseHeader(bytes: Buffer): Header {
  try {
    return JSON.parse(bytes.toString('utf8')) as Header;
  } catch {
    throw new CheckpointError('the checkpoint is damaged: its header is unreadable; delete it to start anew');
  }
}
