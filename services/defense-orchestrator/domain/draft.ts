import type { EventData, EventName } from '#contracts';
import type { Defense } from './defense.js';
import type { Context, ModelState, Outgoing } from './model.js';
import { isEnd } from './states.js';

/** One step under way: a copy of the state to change, and the events that the change causes, in order. */
export class Draft {
  readonly events: Outgoing[] = [];
  /** Defenses that ended as soon as they were recorded. */
  readonly suppressed: Defense[] = [];

  constructor(
    readonly model: ModelState,
    readonly context: Context,
  ) {}

  get now(): string {
    return this.context.now;
  }

  get spec() {
    return this.context.policy.spec;
  }

  get name() {
    return { namespace: this.model.namespace, model: this.model.model };
  }

  get openDefense(): Defense | null {
    const { defense } = this.model;
    return defense && !isEnd(defense.state) ? defense : null;
  }

  publish<N extends EventName>(name: N, id: string, data: EventData<N>, correlationId?: string): void {
    this.events.push({ name, id, data, correlationId } as unknown as Outgoing);
  }
}

export const secondsBetween = (from: string, to: string) => (Date.parse(to) - Date.parse(from)) / 1000;
export const later = (time: string, seconds: number) => new Date(Date.parse(time) + seconds * 1000).toISOString();
