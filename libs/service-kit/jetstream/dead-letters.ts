import type { JetStreamClient, JsMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import { DEAD_LETTERS } from '#contracts';
import { messageOf } from '../errors.js';

/**
 * Stores a copy with the reason under `dlq.<subject>`. A message is stored once for each consumer that gave it up, however often that is tried.
 * To replay: publish the body to X-Dlq-Subject.
 */
export async function storeDeadLetter(
  js: JetStreamClient,
  message: JsMsg,
  consumer: string,
  error: unknown,
): Promise<void> {
  const { stream, streamSequence, deliveryCount } = message.info;
  const copy = headers();
  for (const key of message.headers?.keys() ?? []) {
    if (key.startsWith('Nats-')) continue; // they would steer the server: message id, expected sequence
    for (const value of message.headers!.values(key)) copy.append(key, value);
  }
  copy.set('X-Dlq-Reason', messageOf(error).replace(/\s+/g, ' ').slice(0, 500));
  copy.set('X-Dlq-Subject', message.subject);
  copy.set('X-Dlq-Origin', `${stream}/${consumer}/${streamSequence}`);
  copy.set('X-Dlq-Attempts', String(deliveryCount));
  await js.publish(`${DEAD_LETTERS.prefix}.${message.subject}`, message.data, {
    msgID: `dlq:${stream}:${consumer}:${streamSequence}`,
    headers: copy,
  });
}
