import type { EventData, EventName } from '#contracts';
import type { Context, Incoming, ModelState, Outgoing } from '../domain/model.js';
import { newModel } from '../domain/protection.js';
import { step } from '../domain/step.js';
import { at, file, policy, sha } from './events.js';
import * as said from './events.js';

type Spec = Parameters<typeof policy>[0];

/** A model that is protected and calibrated; its further steps are taken one after the other, with everything that they publish. */
export class Course {
  model: ModelState;
  context: Context;
  readonly events: Outgoing[] = [];
  readonly taken: Incoming[] = [];

  constructor(spec: Spec = {}, parts: Partial<Context> = {}) {
    this.context = {
      policy: policy(spec),
      modelFile: file('a'),
      dataset: {
        ...file('d'),
        inputs: { dims: [1, 28, 28], classes: 10, range: [0, 1] },
        shares: { training: 0.75, validation: 0.05, calibration: 0.12, certificate: 0.08 },
      },
      now: at(0),
      calibrationMethod: 'v1',
      ...parts,
    };
    this.model = newModel(this.context);
    this.take({ kind: 'start' });
    const [asked] = this.all('calibration.requested');
    if (asked) this.hear('calibration.completed', said.calibrationCompleted(asked.jobId, null, sha('a')));
    this.events.length = this.taken.length = 0;
  }

  /** Gives what this step published. */
  take(incoming: Incoming): Outgoing[] {
    const { model, events } = step(this.model, incoming, this.context);
    this.model = model;
    this.events.push(...events);
    this.taken.push(incoming);
    return events;
  }

  hear<N extends Extract<Incoming, { data: object }>['kind']>(kind: N, data: EventData<N>): Outgoing[] {
    return this.take({ kind, data } as unknown as Incoming);
  }

  tick(second: number): Outgoing[] {
    this.at(second);
    return this.take({ kind: 'tick' });
  }

  at(second: number): this {
    this.context = { ...this.context, now: at(second) };
    return this;
  }

  all<N extends EventName>(name: N): EventData<N>[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data as EventData<N>);
  }

  get defense() {
    if (!this.model.defense) throw new Error('no defense was opened');
    return this.model.defense;
  }

  /** Plays all other services until the defense of this anomaly is in the given state. */
  until(state: 'training' | 'evaluating' | 'rolling-out' | 'verifying' | 'recovered', anomalyId = 'anomaly-1'): this {
    const revision = this.model.serving;
    const states = ['training', 'evaluating', 'rolling-out', 'verifying', 'recovered'];
    const reaches = (other: string) => states.indexOf(state) >= states.indexOf(other);
    this.at(10).hear('anomaly.raised', said.anomalyRaised(anomalyId, revision));
    this.at(20).hear('attack.detected', said.attackDetected(anomalyId, revision));
    const { defenseId } = this.defense;
    if (reaches('evaluating'))
      this.at(100).hear('training.completed', said.trainingCompleted(`${defenseId}.training`, defenseId));
    if (reaches('rolling-out')) {
      this.hear('evaluation.completed', said.evaluationCompleted(`${defenseId}.evaluation`, defenseId));
      this.hear('calibration.completed', said.calibrationCompleted(`${defenseId}.calibration`, defenseId));
    }
    if (reaches('verifying'))
      this.at(200).hear('deployment.completed', said.deploymentCompleted(`${defenseId}.deployment`, defenseId));
    if (reaches('recovered')) {
      for (const second of [202, 204])
        this.at(second).hear('accuracy.window', said.window(at(second), {}, 'rcccccccc'));
    }
    return this;
  }
}
