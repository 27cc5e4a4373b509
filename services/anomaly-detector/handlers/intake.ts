import {
  DEFAULT_NAMESPACE,
  intakeSamples,
  parseEvent,
  samplesAsSent,
  type Intake,
  type ModelName,
  type Sample,
} from '#contracts';
import type { OutgoingMessage } from '#service-kit';
import type { Message } from '../domain/detector.js';

export interface Taken {
  contents: { of: ModelName; message: Message }[];
  /** Samples of the message that are invalid; the others count. */
  invalid: number;
  dead: OutgoingMessage[];
}

/** A message of the SAMPLES stream as the domain takes it, by model; what is invalid in a batch goes to the dead letters with the reason. */
export function take(subject: string, json: unknown, sequence: number): Taken {
  if (subject.startsWith('aim.sample')) {
    const { data } = parseEvent('aim.sample', json);
    return { contents: [{ of: data, message: { kind: 'aim', aim: data } }], invalid: 0, dead: [] };
  }
  if (subject.startsWith('aim.label')) {
    const { data } = parseEvent('aim.label', json);
    return { contents: [{ of: data, message: { kind: 'label', label: data } }], invalid: 0, dead: [] };
  }
  const { valid, invalid } = intakeSamples(json);
  const byModel = new Map<string, { of: ModelName; samples: Sample[] }>();
  for (const sample of valid) {
    const of = { namespace: sample.namespace ?? DEFAULT_NAMESPACE, model: sample.model };
    const key = `${of.namespace}/${of.model}`;
    const group = byModel.get(key) ?? { of, samples: [] };
    group.samples.push(sample);
    byModel.set(key, group);
  }
  return {
    contents: [...byModel.values()].map(({ of, samples }) => ({ of, message: { kind: 'samples', samples } })),
    invalid: invalid.length,
    dead: invalid.length > 0 ? [deadLetter(subject, sequence, invalid, samplesAsSent(json))] : [],
  };
}

const MOST_KEPT = 50;
const MOST_CHARACTERS = 2_000;

/** With the same headers as the dead letters of whole messages. */
function deadLetter(
  subject: string,
  sequence: number,
  invalid: Intake<Sample>['invalid'],
  sent: readonly unknown[],
): OutgoingMessage {
  const first = invalid[0]!;
  const reason = `${invalid.length} of ${sent.length} samples invalid, the others count: [${first.index}] ${first.reason}`;
  const kept = invalid.slice(0, MOST_KEPT).map(({ index, reason: why }) => {
    const text = JSON.stringify(sent[index]);
    return { index, reason: why, item: text.length > MOST_CHARACTERS ? text.slice(0, MOST_CHARACTERS) : sent[index] };
  });
  return {
    subject: `dlq.${subject}`,
    messageId: `dlq:SAMPLES:detector:${sequence}`,
    data: { subject, sequence, reason, invalid: kept },
    headers: {
      'X-Dlq-Reason': reason.replace(/\s+/g, ' ').slice(0, 500),
      'X-Dlq-Subject': subject,
      'X-Dlq-Origin': `SAMPLES/detector/${sequence}`,
      'X-Dlq-Attempts': '1',
    },
  };
}
