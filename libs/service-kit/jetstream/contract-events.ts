import { subjectsFor, type CloudEvent, type EventName } from '#contracts';

/** A message on its way out: what the publisher and the outbox take. */
export interface OutgoingMessage {
  subject: string;
  data: unknown;
  /** Stable over retries and restarts: the stream drops a second message under the same id. */
  messageId: string;
  headers?: Record<string, string>;
}

/** The messages that carry one event: its own subject, and the bare copy where the contracts ask for one. */
export function messagesOf<N extends EventName>(event: CloudEvent<N>): OutgoingMessage[] {
  const [namespace = '', model = ''] = event.subject.split('/');
  const name = event.type.replace(/^dev\.antibody\./, '').replace(/\.v\d+$/, '') as N;
  return subjectsFor(name, { namespace, model }).map((subject, copy) => ({
    subject,
    data: event,
    messageId: copy === 0 ? `${event.source}/${event.id}` : `${event.source}/${event.id}/bare`,
  }));
}
