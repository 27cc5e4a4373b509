import { CloudEventEnvelope, eventType } from './cloudevent.js';
import { EVENTS, EVENT_NAMES, type EventName } from './event-map.js';
import { Label, Sample } from './events/samples.js';
import { partiesOf } from './participants.js';
import { RobustnessPolicy } from './policy.js';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** What strangers may publish needs less than what services send each other: one item, an array, or a batch. */
const OPEN_INTAKE: Partial<Record<EventName, { items: object; plural: string }>> = {
  'accuracy.sample': { items: Sample, plural: 'samples' },
  'label.observed': { items: Label, plural: 'labels' },
};

function intakeSchema(name: EventName, { items, plural }: { items: object; plural: string }) {
  const array = { type: 'array', items, minItems: 1, maxItems: 5000 };
  const batch = { type: 'object', required: [plural], properties: { [plural]: array } };
  const body = { anyOf: [items, array, batch] };
  const envelope = CloudEventEnvelope(name, EVENTS[name].schema);
  return { anyOf: [...body.anyOf, { ...envelope, properties: { ...envelope.properties, data: body } }] };
}

function schemaOf(name: EventName): object {
  const open = OPEN_INTAKE[name];
  return open ? intakeSchema(name, open) : CloudEventEnvelope(name, EVENTS[name].schema);
}

/** File name to content of every generated document: a JSON Schema per event, one for the policy, and AsyncAPI 3.0. */
export function documents(): Map<string, object> {
  const files = new Map<string, object>();
  for (const name of EVENT_NAMES) {
    files.set(`${name}.v1.json`, {
      $schema: DIALECT,
      $id: `${eventType(name)}.json`,
      title: name,
      description: EVENTS[name].summary,
      ...schemaOf(name),
    });
  }
  files.set('robustness-policy.v1alpha1.json', { $schema: DIALECT, title: 'RobustnessPolicy', ...RobustnessPolicy });
  files.set('asyncapi.json', asyncApi());
  return files;
}

function asyncApi(): object {
  const channels: Record<string, object> = {};
  const operations: Record<string, object> = {};
  const messages: Record<string, object> = {};
  for (const name of EVENT_NAMES) {
    const { bareCopy, openIntake, stream, summary } = EVENTS[name];
    const key = name.replace('.', '-');
    const bare = bareCopy || openIntake;
    const { publishers, consumers } = partiesOf(name, stream);
    messages[key] = {
      name,
      title: eventType(name),
      summary,
      contentType: 'application/cloudevents+json',
      payload: { $ref: `./${name}.v1.json` },
    };
    channels[key] = {
      address: `${name}.{namespace}.{model}`,
      description: `JetStream stream ${stream}.${bare ? ` The bare subject \`${name}\` works too.` : ''}`,
      parameters: { namespace: { description: 'namespace of the model' }, model: { description: 'name of the model' } },
      messages: { [key]: { $ref: `#/components/messages/${key}` } },
    };
    operations[key] = {
      action: openIntake ? 'receive' : 'send',
      channel: { $ref: `#/channels/${key}` },
      summary,
      'x-published-by': publishers,
      'x-consumed-by': consumers,
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Antibody',
      version: '1.0.0',
      description: 'Events of the defense loop: CloudEvents 1.0 in structured mode on NATS.',
    },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: { messages },
  };
}
