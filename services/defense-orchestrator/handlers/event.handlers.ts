import { Controller, Inject } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { eventNameOf, InvalidInputError, parseEvent } from '#contracts';
import { JetStreamEvent } from '#service-kit';
import { isIncoming, type Incoming } from '../domain/model.js';
import { Models } from './models.js';

type IncomingEvent = Extract<Incoming, { data: object }>;

/** One of the events that concern a defense, or null for those that do not. Throws for what no contract knows. */
export function readEvent(json: unknown): IncomingEvent | null {
  const type = (json as { type?: unknown } | null)?.type;
  const name = typeof type === 'string' ? eventNameOf(type) : undefined;
  if (!name)
    throw new InvalidInputError(
      'event',
      'type',
      'must be one of the contracts, e.g. dev.antibody.training.completed.v1',
    );
  if (!isIncoming(name)) return null;
  return { kind: name, data: parseEvent(name, json).data } as IncomingEvent;
}

@Controller()
export class EventHandlers {
  constructor(@Inject(Models) private readonly models: Models) {}

  /**
   * One consumer for the whole stream, so that events are taken in the order in which they were published. A step takes
   * milliseconds: what a killed process held comes again soon.
   */
  @JetStreamEvent('>', { stream: 'EVENTS', durable: 'defense-orchestrator', parse: readEvent, ackWaitMs: 5_000 })
  async on(@Payload() event: IncomingEvent | null): Promise<void> {
    if (event) await this.models.take(event.data, event);
  }
}
