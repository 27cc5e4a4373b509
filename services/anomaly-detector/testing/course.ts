import type { TestName } from '#change-detection';
import {
  DEFAULT_DETECTION,
  type AimLabel,
  type AimSample,
  type Detection,
  type EventData,
  type EventName,
  type Sample,
} from '#contracts';
import type { Caused, KnownRevision, Protection } from '../domain/context.js';
import { applyMessage, reconcile, tick, type Message, type Step } from '../domain/detector.js';
import { emptyModel, type ModelState, type RevisionState } from '../domain/state.js';
import { literalCalibration } from './calibration.js';

export const OF = { namespace: 'ml', model: 'm' };
const BEGIN = Date.parse('2026-01-01T00:00:00.000Z');

export const protectionOf = (
  revisions: Record<string, readonly TestName[] | null>,
  detection: Partial<Detection> = {},
): Protection => ({
  detection: { ...DEFAULT_DETECTION, tolerances: {}, ...detection },
  revisions: new Map(
    Object.entries(revisions).map(([name, tests]): [string, KnownRevision] => [
      name,
      tests
        ? { calibrationId: `cal-${name}`, calibration: literalCalibration(tests) }
        : { calibrationId: null, calibration: null },
    ]),
  ),
});

/** A model's messages one after the other, a second apart, and what they cause. */
export class Course {
  state: ModelState = emptyModel(OF.namespace, OF.model);
  readonly events: Caused[] = [];
  readonly ignored: string[] = [];
  room = Infinity;
  sequence = 0;
  seconds = 0;

  constructor(public protection: Protection) {}

  get time(): string {
    return new Date(BEGIN + 1000 * this.seconds).toISOString();
  }

  say(...samples: Partial<Sample>[]): this {
    return this.send({ kind: 'samples', samples: samples.map((sample) => ({ ...OF, ...sample })) });
  }

  /** One sample a message until an anomaly is open. */
  untilAlarm(sample: Partial<Sample>): this {
    for (let i = 0; i < 1000 && this.all('anomaly.raised').length === 0; i++) this.say(sample);
    return this;
  }

  aim(sample: Omit<AimSample, 'namespace' | 'model'>): this {
    return this.send({ kind: 'aim', aim: { ...OF, ...sample } });
  }

  label(label: Omit<AimLabel, 'namespace' | 'model'>): this {
    return this.send({ kind: 'label', label: { ...OF, ...label } });
  }

  send(message: Message): this {
    this.sequence++;
    this.seconds++;
    const at = { sequence: this.sequence, time: this.time };
    return this.take(applyMessage(this.state, message, { protection: this.protection, at, room: this.room }));
  }

  tick(afterSeconds = 2): this {
    this.seconds += afterSeconds;
    return this.take(tick(this.state, { protection: this.protection, time: this.time }));
  }

  protect(protection: Protection): this {
    this.protection = protection;
    return this.take(reconcile(this.state, { protection, time: this.time }));
  }

  all<N extends EventName>(name: N): EventData<N>[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data as EventData<N>);
  }

  last<N extends EventName>(name: N): EventData<N> {
    return this.all(name).at(-1)!;
  }

  /** Names of the events but windows, in their order. */
  get story(): string[] {
    return this.events.map(({ name }) => name).filter((name) => name !== 'accuracy.window');
  }

  revision(name = 'r1'): RevisionState {
    return this.state.revisions[name]!;
  }

  private take({ state, events, ignored }: Step): this {
    // What is stored is JSON: nothing may be lost by it.
    this.state = JSON.parse(JSON.stringify(state)) as ModelState;
    this.events.push(...events);
    this.ignored.push(...ignored);
    return this;
  }
}
