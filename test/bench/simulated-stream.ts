import { prepareSignals, type Calibration, type ModelFunctions } from '#change-detection';
import type { RequestRow } from '#contracts';
import { MODEL } from '#testbed';
import type { Protection } from '../../services/anomaly-detector/domain/context.js';
import { applyMessage, type Message } from '../../services/anomaly-detector/domain/detector.js';
import { emptyModel } from '../../services/anomaly-detector/domain/state.js';
import { examineRows } from '../../services/metrics-collector/domain/examine-rows.js';
import { VerdictStatistics } from '../../services/metrics-collector/domain/verdict-statistics.js';

const { namespace, name, revision } = MODEL;
const REQUESTS_PER_SECOND = 40;
/** Rows whose gradients are taken at once. They tell the same as one by one. */
const AHEAD = 16;

export interface Watched {
  model: ModelFunctions;
  calibration: Calibration;
  protection: Protection;
}

/** A request with what the collector says of it. */
export interface Request {
  x: Float32Array;
  label: number;
  correct: boolean;
  signals: Record<string, number>;
}

export async function examined(
  { model, calibration }: Watched,
  x: Float32Array,
  labels: Int32Array,
): Promise<Request[]> {
  const rows = await examineRows(model, prepareSignals(calibration), x, labels.length);
  return rows.map(({ class: predicted, signals }, row) => ({
    x: x.subarray(row * model.features, (row + 1) * model.features),
    label: labels[row]!,
    correct: predicted === labels[row],
    signals: { ...signals, mismatch: 0 }, // the file that is examined is the one that serves
  }));
}

export interface FollowOptions {
  /** Share of the requests whose label becomes known, so many requests later. */
  labels: { share: number; delay: number };
  /** Uniform in [0, 1): which labels. */
  random: () => number;
  until: 'alarm' | 'verdict';
}

/** Places in the stream, from 0. */
export interface StreamEnd {
  alarmAt: number | null;
  attackAt: number | null;
  drift: boolean;
}

/** Sends the requests one after the other, and their labels later, until the detector has raised an alarm, or has called it an attack. */
export async function follow(
  { model, calibration, protection }: Watched,
  stream: readonly Request[],
  { labels, random, until }: FollowOptions,
): Promise<StreamEnd> {
  const end: StreamEnd = { alarmAt: null, attackAt: null, drift: false };
  const labelled = stream.map(() => random() < labels.share);
  let state = emptyModel(namespace, name);
  let statistics: VerdictStatistics | undefined;
  let differentiated = 0;
  let sequence = 0;
  const groups = new Map<number, Message[]>(); // by the last member's place
  const onLabel = new Map<number, (label: number) => Message>();

  /** Pairs and labelled groups of the next rows of an open anomaly. */
  async function lookAhead(anomalyId: string, from: number): Promise<void> {
    const rows = stream.slice(from, from + AHEAD);
    const x = new Float32Array(rows.length * model.features);
    rows.forEach((row, i) => x.set(row.x, i * model.features));
    const members = rows.map((_, i) => ({ id: String(from + i), row: 0 }));
    const { pairs, groups: found } = await statistics!.add(model, members, x);
    const of = { namespace, model: name, revision, anomalyId };
    const announce = (members: RequestRow[], aim: Extract<Message, { kind: 'aim' }>['aim']) => {
      const last = Number(members.at(-1)!.id);
      groups.set(last, [...(groups.get(last) ?? []), { kind: 'aim', aim }]);
    };
    for (const { test, members, T } of pairs)
      announce(members, { ...of, test, group: `${test}-${members[0].id}`, members, T });
    for (const { members, tables } of found) {
      const group = `labelled-${members[0]!.id}`;
      announce(members, { ...of, test: 'labelled', group, members });
      members.forEach(({ id }, member) =>
        onLabel.set(Number(id), (label) => ({
          kind: 'label',
          label: { ...of, group, member, T: tables[member]![label]! },
        })),
      );
    }
    differentiated = from + rows.length;
  }

  function send(message: Message, place: number): void {
    const at = { sequence: ++sequence, time: new Date((1000 * place) / REQUESTS_PER_SECOND).toISOString() };
    const step = applyMessage(state, message, { protection, at, room: 1 });
    state = step.state;
    for (const { name: event, data } of step.events) {
      if (event === 'anomaly.raised') {
        end.alarmAt ??= place;
        statistics = new VerdictStatistics(calibration, data as ConstructorParameters<typeof VerdictStatistics>[1]);
        differentiated = place + 1;
      } else if (event === 'attack.detected') end.attackAt ??= place;
      else if (event === 'drift.detected') end.drift = true;
    }
  }
  const sample = (signals: Record<string, number>, place: number): Message => ({
    kind: 'samples',
    samples: [{ namespace, model: name, revision, id: String(place), row: 0, signals }],
  });

  for (const [place, request] of stream.entries()) {
    const anomaly = state.revisions[revision]?.anomaly;
    if (anomaly && place >= differentiated) await lookAhead(anomaly.id, place);
    send(sample(request.signals, place), place);
    for (const group of groups.get(place) ?? []) send(group, place);
    const past = place - labels.delay;
    if (labelled[past]) {
      const { correct, label } = stream[past]!;
      send(sample({ error: correct ? 0 : 1 }, past), place);
      const told = onLabel.get(past)?.(label);
      if (told) send(told, place);
    }
    if (end.attackAt !== null || (until === 'alarm' && end.alarmAt !== null)) break;
  }
  return end;
}
