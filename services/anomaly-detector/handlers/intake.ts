import { DEFAULT_NAMESPACE, intakeSamples, parseEvent, type ModelName, type Sample } from '#contracts';
import type { OutgoingMessage } from '#service-kit';
import type { Message } from '../domain/detector.js';

export interface Taken {
  of: ModelName;
  message: Message;
}

/** A message of the SAMPLES stream as the domain takes it, by model; what is invalid in a batch goes to the dead letters with the reason. */
export function take(subject: string, json: unknown, sequence: number): { taken: Taken[]; dead: OutgoingMessage[] } {
  if (subject.startsWith('aim.sample')) {
    const { data } = parseEvent('aim.sample', json);
    return { taken: [{ of: data, message: { kind: 'aim', aim: data } }], dead: [] };
  }
  if (subject.startsWith('aim.label')) {
    const { data } = parseEvent('aim.label', json);
    return { taken: [{ of: data, message: { kind: 'label', label: data } }], dead: [] };
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
  const dead = invalid.length
    ? [
        {
          subject: `dlq.${subject}`,
          messageId: `dlq:SAMPLES:detector:${sequence}`,
          data: { subject, sequence, invalid },
        },
      ]
    : [];
  return {
    taken: [...byModel.values()].map(({ of, samples }) => ({ of, message: { kind: 'samples', samples } })),
    dead,
  };
}
